/*
 * The FPU and vector registers of user programs: XSAVE if the CPU has it, else FXSAVE.
 *
 * They always hold the state of `current`, if it has an image: the kernel uses only one of them, in
 * mm/pages.c, and restores it. They are saved and loaded at a switch, at fork, for signal frames.
 */
#pragma once

#include "kernel/lib/types.h"

void fpu_init(void);     /* the boot CPU: finds out what there is */
void fpu_init_cpu(void); /* any other: CR0 and CR4 are set */
/* Allocate an image in its initial state; NULL without memory. */
void *fpu_alloc(void);
/* Copy current's live registers, or the initial state if it has none, to `image`, or to a new one
 * if that is NULL. Returns the image; NULL without memory. */
void *fpu_clone_current(void *image);
void fpu_free(void *image); /* NULL is allowed */
/* Give current, which has an image, the initial state; its live registers are lost. */
void fpu_reset_current(void);
/* Make `image`, whose contents are not trusted, current's image and load it; free the old one. */
void fpu_replace_current(void *image, bool has_xstate);
/* Store to or load from an image in user memory. The caller has called user_access_begin(). False
 * if it faults, or holds a state that cannot be loaded. */
bool fpu_store_user(u64 at);
bool fpu_load_user(u64 at);
/* Copy an image, of fpu_method.size bytes, of a task that does not run. Export: with the components
 * that the CPU left out. Import: false, and nothing copied, if it cannot be loaded. Not `whole`:
 * its header is not from the program, only the first FXSAVE_SIZE bytes are. */
void fpu_export(const void *from, void *to);
bool fpu_import(void *to, const void *from, bool whole);
#define FXSAVE_SIZE 512
/* How images are saved and loaded: set once, by fpu_init(). */
extern struct fpu_method {
	bool xsave, xsaveopt;
	u32 xcr0;    /* the components, all in its lower half; 3 (x87 and SSE) with FXSAVE */
	size_t size; /* of an image */
} fpu_method;

/* Save or load this CPU's registers; preemption is off. */
static inline void fpu_save(void *image)
{
	const struct fpu_method *m = &fpu_method;

	if (likely(m->xsaveopt))
		__asm__ volatile("xsaveopt64 (%0)" ::"r"(image), "a"(m->xcr0), "d"(0) : "memory");
	else if (m->xsave)
		__asm__ volatile("xsave64 (%0)" ::"r"(image), "a"(m->xcr0), "d"(0) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(image) : "memory");
}

static inline void fpu_load(const void *image)
{
	const struct fpu_method *m = &fpu_method;

	if (likely(m->xsave))
		__asm__ volatile("xrstor64 (%0)" ::"r"(image), "a"(m->xcr0), "d"(0) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" ::"r"(image) : "memory");
}

/* Save the registers of one task and load those of another. NULL: a kernel thread has none. */
static inline void fpu_switch(void *from, const void *to)
{
	const struct fpu_method *m = &fpu_method;
	u32 xcr0 = m->xcr0;

	if (likely(m->xsaveopt)) { /* one test for both */
		if (from)
			__asm__ volatile("xsaveopt64 (%0)" ::"r"(from), "a"(xcr0), "d"(0)
					 : "memory");
		if (to)
			__asm__ volatile("xrstor64 (%0)" ::"r"(to), "a"(xcr0), "d"(0) : "memory");
		return;
	}
	if (from)
		fpu_save(from);
	if (to)
		fpu_load(to);
}

void fpu_print(void (*print)(const char *fmt, ...) __printf(1, 2));
