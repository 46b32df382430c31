/* The vDSO on the kernel's side: two memory objects, made at boot and shared by all address spaces.
 * [vvar] is the page of data that the kernel writes, and lies in front of [vdso], the program. */
#include "kernel/vdso/vdso.h"

#include "arch/x86_64/arch.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/time/timer.h"
#include "kernel/vdso/vdso_data.h"
#include "mm/mm.h"

extern const char vdso_image_start[], vdso_image_end[];

static struct vm_object *vvar_object, *vdso_object;

static u64 image_size(void)
{
	return (u64)(vdso_image_end - vdso_image_start);
}

/* Used at boot, so it panics without memory. The object keeps the page. */
static void *page_of(struct vm_object *o, u64 index)
{
	struct page *p;

	if (object_get_page(o, index, true, &p))
		panic("no memory for the vDSO\n");
	put_page(p);
	return page_to_virt(p);
}

void vdso_init(void)
{
	struct vdso_data *data;

	vvar_object = object_create("[vvar]", PAGE_SIZE);
	vdso_object = object_create("[vdso]", image_size());
	if (!vvar_object || !vdso_object)
		panic("no memory for the vDSO\n");
	for (u64 at = 0; at < image_size(); at += PAGE_SIZE)
		memcpy(page_of(vdso_object, at / PAGE_SIZE), vdso_image_start + at,
		       MIN(image_size() - at, PAGE_SIZE));
	data = page_of(vvar_object, 0);
	data->tsc = arch_clock_is_tsc(&data->mult, &data->base);
	data->real_base = ktime_real_base();
}

long vdso_map(struct mm *mm, u64 *header)
{
	u64 size = ALIGN_UP(image_size(), PAGE_SIZE);
	long at = mm_find_room(mm, PAGE_SIZE + size);
	u64 image = (u64)at + PAGE_SIZE;
	struct area areas[] = {
		{.start = (u64)at, .end = image, .flags = AREA_READ, .obj = vvar_object},
		{.start = image,
		 .end = image + size,
		 .flags = AREA_READ | AREA_EXEC,
		 .obj = vdso_object},
	};

	*header = image;
	return at < 0 ? at : mm_place(mm, areas, ARRAY_SIZE(areas));
}
