/*
 * Saving and loading FPU state. SDM vol. 1, chapters 10.5 (FXSAVE) and 13 (XSAVE).
 *
 * A task's image is written only by the CPU that runs it, with preemption off: no lock.
 */
#include "arch/x86_64/cpu/fpu.h"

#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/msr.h"
#include "arch/x86_64/mm/paging.h"
#include "arch/x86_64/mm/user_words.h"
#include "kernel/lib/string.h"
#include "kernel/task.h"
#include "mm/slab.h"

#define XSTATE_X87    (1u << 0)
#define XSTATE_SSE    (1u << 1)
#define XSTATE_AVX    (1u << 2)
#define XSTATE_AVX512 (7u << 5)

/* The fields of the legacy area that are used here, and the XSAVE header behind it. */
struct fpu_image {
	u16 control, status;
	u8 tag, reserved;
	u16 opcode;
	u64 ip, dp;
	u32 mxcsr, mxcsr_mask;
	u8 st[128], xmm[256], reserved2[48];
	u64 software[6];         /* not the CPU's: Linux's struct _fpx_sw_bytes */
	u64 xstate_bv, xcomp_bv; /* XSAVE only, as the rest */
	u64 header_reserved[6];
};

static struct kmem_cache *fpu_cache;
static void *initial_image;
static u32 mxcsr_mask = 0xffbf; /* of CPUs that do not report it */

struct fpu_method fpu_method = {.xcr0 = XSTATE_X87 | XSTATE_SSE, .size = FXSAVE_SIZE};

/* Make an image as after FNINIT: all exceptions masked, every register empty. With XSAVE, a zero
 * header means that all components are in their initial state. */
static void init_image(struct fpu_image *image)
{
	memset(image, 0, cpu_features.xsave ? sizeof(*image) : FXSAVE_SIZE);
	image->control = 0x37f;
	image->mxcsr = 0x1f80;
	image->mxcsr_mask = mxcsr_mask;
}

static void load_xcr0(void)
{
	__asm__ volatile("xsetbv" ::"c"(0), "a"(fpu_method.xcr0), "d"(0));
}

static void enable_xsave(void)
{
	u32 supported = cpuid_count(0xd, 0).eax;

	write_cr4(read_cr4() | CR4_OSXSAVE);
	if (supported & XSTATE_AVX)
		fpu_method.xcr0 |= XSTATE_AVX;
	if ((supported & XSTATE_AVX) && (supported & XSTATE_AVX512) == XSTATE_AVX512)
		fpu_method.xcr0 |= XSTATE_AVX512;
	load_xcr0();
	fpu_method.xsave = true;
	fpu_method.xsaveopt = cpu_features.xsaveopt;
	fpu_method.size = cpuid_count(0xd, 0).ebx; /* for what XCR0 now enables */
}

void fpu_init(void)
{
	static struct fpu_image probe __aligned(64);

	write_cr0((read_cr0() & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	__asm__ volatile("fninit; fxsave64 %0" : "=m"(probe));
	if (probe.mxcsr_mask)
		mxcsr_mask = probe.mxcsr_mask;
	if (cpu_features.xsave)
		enable_xsave();
	/* clear_page() saves 256 bits of a register: with AVX-512 the rest would be lost. */
	pages_by_avx = (fpu_method.xcr0 & XSTATE_AVX) && !(fpu_method.xcr0 & XSTATE_AVX512) &&
		       !cpu_features.erms;
}

void fpu_init_cpu(void)
{
	__asm__ volatile("fninit");
	if (cpu_features.xsave)
		load_xcr0();
}

void arch_cache_init(void)
{
	fpu_cache = kmem_cache_create("fpu", fpu_method.size, 64);
	initial_image = fpu_alloc();
	if (!initial_image)
		panic("no memory for the FPU's initial state\n");
}

void *fpu_alloc(void)
{
	void *image = kmem_cache_alloc(fpu_cache);

	if (image)
		init_image(image);
	return image;
}

/* A used image needs no cleaning: its header is valid, XSAVE writes every part that is loaded
 * again, and images leave the kernel only through registers. */
void *fpu_clone_current(void *image)
{
	if (!image && !(image = fpu_alloc()))
		return NULL;
	if (!current->thread.fpu) {
		init_image(image);
		return image;
	}
	preempt_disable(); /* current's state is in the registers, not in its image */
	/* Not XSAVEOPT: it omits components in their initial state. */
	if (cpu_features.xsave)
		__asm__ volatile("xsave64 (%0)" ::"r"(image), "a"(fpu_method.xcr0), "d"(0)
				 : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(image) : "memory");
	preempt_enable();
	return image;
}

void fpu_free(void *image)
{
	if (image)
		kmem_cache_free(fpu_cache, image);
}

void fpu_reset_current(void)
{
	fpu_load(initial_image); /* the next switch writes current's image */
}

/* Clear the bits that would fault when loaded: a program wrote this image into a signal frame. */
static void sanitise(struct fpu_image *image, bool has_xstate)
{
	image->mxcsr &= mxcsr_mask;
	if (!cpu_features.xsave)
		return;
	image->xstate_bv =
		has_xstate ? image->xstate_bv & fpu_method.xcr0 : XSTATE_X87 | XSTATE_SSE;
	image->xcomp_bv = 0;
	memset(image->header_reserved, 0, sizeof(image->header_reserved));
}

void fpu_replace_current(void *image, bool has_xstate)
{
	void *old;

	sanitise(image, has_xstate);
	preempt_disable();
	old = current->thread.fpu;
	current->thread.fpu = image;
	fpu_load(image);
	preempt_enable();
	fpu_free(old);
}

/* Not XSAVEOPT: a handler may read all components, also those in their initial state. XSAVE adds
 * what it saved to the header; XRSTOR expects the rest of the header to be 0. */
bool fpu_store_user(u64 at)
{
	u64 *header = (u64 *)(at + FXSAVE_SIZE);

	if (!fpu_method.xsave) {
		__asm__ goto("1:	fxsave64 (%0)\n" OR_GO_TO_FAULT ::"r"(at)
			     : "memory"
			     : fault);
		return true;
	}
	for (u64 *h = header; h < header + 8; h += 4) {
		user_put(0, &h[0], fault);
		user_put(0, &h[1], fault);
		user_put(0, &h[2], fault);
		user_put(0, &h[3], fault);
	}
	__asm__ goto("1:	xsave64 (%0)\n" OR_GO_TO_FAULT ::"r"(at), "a"(fpu_method.xcr0),
		     "d"(0)
		     : "memory"
		     : fault);
	return true;
fault:
	return false;
}

bool fpu_load_user(u64 at)
{
	if (!fpu_method.xsave)
		__asm__ goto("1:	fxrstor64 (%0)\n" OR_GO_TO_FAULT ::"r"(at)
			     : "memory"
			     : fault);
	else
		__asm__ goto("1:	xrstor64 (%0)\n" OR_GO_TO_FAULT ::"r"(at),
			     "a"(fpu_method.xcr0), "d"(0)
			     : "memory"
			     : fault);
	return true;
fault:
	return false;
}

/* ---- for the tracer ---- */

void fpu_export(const void *from, void *to)
{
	const struct fpu_image *initial = initial_image;
	struct fpu_image *image = to;

	memcpy(to, from, fpu_method.size);
	if (!fpu_method.xsave)
		return;
	if (!(image->xstate_bv & XSTATE_X87)) {
		memcpy(image, initial, offsetof(struct fpu_image, mxcsr));
		memset(image->st, 0, sizeof(image->st));
	}
	if (!(image->xstate_bv & XSTATE_SSE))
		memset(image->xmm, 0, sizeof(image->xmm));
	for (u32 n = 2; n < 32; n++)
		if ((fpu_method.xcr0 & ~image->xstate_bv) >> n & 1) {
			struct cpuid where = cpuid_count(0xd, n);

			memset((char *)to + where.ebx, 0, where.eax);
		}
	memset(image->software, 0, sizeof(image->software));
	image->software[0] = fpu_method.xcr0;
}

bool fpu_import(void *to, const void *from, bool whole)
{
	const struct fpu_image *image = from;
	bool header = whole && fpu_method.xsave;
	u64 bits = 0;

	if (image->mxcsr & ~mxcsr_mask)
		return false;
	if (header) {
		bits = (image->xstate_bv & ~(u64)fpu_method.xcr0) | image->xcomp_bv;
		for (u32 i = 0; i < ARRAY_SIZE(image->header_reserved); i++)
			bits |= image->header_reserved[i];
	}
	if (bits)
		return false;
	memcpy(to, from, fpu_method.size);
	if (fpu_method.xsave && !whole)
		((struct fpu_image *)to)->xstate_bv |= XSTATE_X87 | XSTATE_SSE;
	return true;
}

void fpu_print(void (*print)(const char *fmt, ...) __printf(1, 2))
{
	print("FPU: %s, %zu bytes a task: x87 SSE%s%s\n",
	      cpu_features.xsaveopt ? "XSAVEOPT"
	      : cpu_features.xsave  ? "XSAVE"
				    : "FXSAVE",
	      fpu_method.size, fpu_method.xcr0 & XSTATE_AVX ? " AVX" : "",
	      fpu_method.xcr0 & XSTATE_AVX512 ? " AVX-512" : "");
}
