/* /proc/PID/maps and smaps: the areas of an address space, and the pages in each. */
#include "kernel/fs/proc/proc.h"
#include "mm/area.h"
#include "mm/tree.h"

static void show_area(struct seq *s, const struct area *a)
{
	char name[256] = "";
	u64 dev = 0, ino = 0;
	size_t from = s->len;

	if (a->file) {
		file_identity(a->file, &dev, &ino);
		file_describe(a->file, name, sizeof(name));
	} else if (a->obj) {
		strlcpy(name, a->obj->name, sizeof(name));
	} else if (a->flags & AREA_STACK) {
		strlcpy(name, "[stack]", sizeof(name));
	} else if (a->flags & AREA_HEAP) {
		strlcpy(name, "[heap]", sizeof(name));
	}
	seq_printf(s, "%08lx-%08lx %c%c%c%c %08lx %02lx:%02lx %lu ", a->start, a->end,
		   a->flags & AREA_READ ? 'r' : '-', a->flags & AREA_WRITE ? 'w' : '-',
		   a->flags & AREA_EXEC ? 'x' : '-', a->flags & AREA_SHARED ? 's' : 'p',
		   a->obj ? a->pgoff << PAGE_SHIFT : 0, dev >> 8, dev & 0xff, ino);
	if (*name) {
		seq_printf(s, "%*s", s->len - from < 73 ? (int)(73 - (s->len - from)) : 0, "");
		seq_escape(s, name, "\n");
	}
	seq_puts(s, "\n");
}

static void show_in_maps(const struct area *a, void *arg)
{
	show_area(arg, a);
}

int proc_show_maps(struct seq *s, struct mm *mm)
{
	mm_foreach_area(mm, show_in_maps, s);
	return 0;
}

/* ---- smaps ---- */

#define PSS_SHIFT 12 /* Pss is summed in bytes of 2^-12 */

/* The present pages of an area. `weight` is what a walk carries along: the part of a table at each
 * level, and of a page, that belongs to this address space, if each reference has an equal part. */
struct residency {
	u64 resident, anon, shared; /* pages */
	u64 pss;
	u64 weight[PT_LEVELS + 1];
	bool sole[PT_LEVELS + 1]; /* no other address space reaches it */
};

/* Table entries that refer to the target; an object's own reference to a page is none. */
static u32 mappings_of(const struct tree_entry *e, const struct page *p)
{
	return e->level == 1 && (p->flags & PG_CACHE) && e->count > 1 ? e->count - 1 : e->count;
}

static bool count_entry(const struct tree_entry *e, void *arg)
{
	struct residency *u = arg;
	const struct page *p = phys_to_page(pte_addr(e->entry));
	u32 n = mappings_of(e, p);

	u->weight[e->level - 1] = u->weight[e->level] / n;
	u->sole[e->level - 1] = u->sole[e->level] && n == 1;
	if (e->level > 1 || (p->flags & PG_ZERO))
		return true;
	u->resident++;
	u->anon += !(p->flags & PG_CACHE);
	u->shared += !u->sole[0];
	u->pss += u->weight[0];
	return true;
}

static void show_kib(struct seq *s, const char *name, u64 pages)
{
	seq_printf(s, "%-15s %8lu kB\n", name, pages << (PAGE_SHIFT - 10));
}

static void show_flags(struct seq *s, u32 flags)
{
	static const struct {
		u32 mask, value;
		char name[4];
	} names[] = {
		{AREA_READ, AREA_READ, "rd "},
		{AREA_WRITE, AREA_WRITE, "wr "},
		{AREA_EXEC, AREA_EXEC, "ex "},
		{AREA_SHARED | AREA_NOWRITE, AREA_SHARED, "sh "},
		{0, 0, "mr "},
		{AREA_NOWRITE, 0, "mw "},
		{AREA_NOEXEC, 0, "me "},
		{AREA_SHARED, AREA_SHARED, "ms "},
		{AREA_GROWSDOWN, AREA_GROWSDOWN, "gd "},
		{AREA_LOCKED, AREA_LOCKED, "lo "},
		{AREA_DONTFORK, AREA_DONTFORK, "dc "},
		{AREA_WIPEONFORK, AREA_WIPEONFORK, "wf "},
		{AREA_NODUMP, AREA_NODUMP, "dd "},
	};

	seq_puts(s, "VmFlags: ");
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if ((flags & names[i].mask) == names[i].value)
			seq_puts(s, names[i].name);
	seq_puts(s, "\n");
}

struct smaps {
	struct seq *s;
	struct mm *mm;
};

/* No page has a copy on a disk, so that each counts as dirty. The page tables hold no huge pages,
 * and nothing is swapped. */
static void show_in_smaps(const struct area *a, void *arg)
{
	const struct smaps *to = arg;
	struct seq *s = to->s;
	struct residency u = {.weight[PT_LEVELS] = PAGE_SIZE << PSS_SHIFT, .sole[PT_LEVELS] = true};
	u64 pss;

	tree_foreach(to->mm, a->start, a->end, count_entry, &u);
	pss = u.pss >> PSS_SHIFT >> 10;
	show_area(s, a);
	show_kib(s, "Size:", (a->end - a->start) >> PAGE_SHIFT);
	show_kib(s, "KernelPageSize:", 1);
	show_kib(s, "MMUPageSize:", 1);
	show_kib(s, "Rss:", u.resident);
	seq_printf(s, "%-15s %8lu kB\n", "Pss:", pss);
	seq_printf(s, "%-15s %8lu kB\n", "Pss_Dirty:", pss);
	show_kib(s, "Shared_Clean:", 0);
	show_kib(s, "Shared_Dirty:", u.shared);
	show_kib(s, "Private_Clean:", 0);
	show_kib(s, "Private_Dirty:", u.resident - u.shared);
	show_kib(s, "Referenced:", u.resident);
	show_kib(s, "Anonymous:", u.anon);
	show_kib(s, "KSM:", 0);
	show_kib(s, "LazyFree:", 0);
	show_kib(s, "AnonHugePages:", 0);
	show_kib(s, "ShmemPmdMapped:", 0);
	show_kib(s, "FilePmdMapped:", 0);
	show_kib(s, "Shared_Hugetlb:", 0);
	show_kib(s, "Private_Hugetlb:", 0);
	show_kib(s, "Swap:", 0);
	show_kib(s, "SwapPss:", 0);
	seq_printf(s, "%-15s %8lu kB\n", "Locked:", a->flags & AREA_LOCKED ? pss : 0);
	seq_puts(s, "THPeligible:           0\n");
	show_flags(s, a->flags);
}

int proc_show_smaps(struct seq *s, struct mm *mm)
{
	struct smaps to = {s, mm};

	mm_foreach_area(mm, show_in_smaps, &to);
	return 0;
}
