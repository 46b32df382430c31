/*
 * The FPU and vector registers of user programs: XSAVE where the CPU has it, FXSAVE otherwise.
 *
 * The kernel is compiled without them, so that the registers always hold those of `current`, if it
 * has an image; they are saved and loaded only at a switch of tasks, at fork and for signal frames.
 */
#pragma once

#include "kernel/lib/types.h"

struct task;

void fpu_init(void);     /* the boot CPU: finds out what there is */
void fpu_init_cpu(void); /* any other: CR0 and CR4 are set */
/* An image in its initial state, or NULL without memory. */
void *fpu_alloc(void);
/* `image`, or a new one when that is NULL, with the live registers of current, or in the initial
 * state when it has none. NULL without memory. */
void *fpu_clone_current(void *image);
void fpu_free(void *image); /* NULL is allowed */
/* Write the live registers of current into its image. */
void fpu_save_current(void);
/* Forget the live registers: current goes on with the initial state. It has an image. */
void fpu_reset_current(void);
/* Go on with `image`, which becomes current's; the old one is freed. Untrusted contents are made
 * harmless. */
void fpu_replace_current(void *image, bool has_xstate);
/* Straight to or from an image in user memory, which user_access_begin() was called for. False: it
 * faults, or does not hold what can be loaded. */
bool fpu_store_user(u64 at);
bool fpu_load_user(u64 at);
/* How images are saved and loaded: set once, by fpu_init(). */
extern struct fpu_method {
	bool xsave, xsaveopt;
	u32 lo, hi;  /* XCR0: the components; 3 (x87 and SSE) with FXSAVE */
	size_t size; /* of an image */
} fpu_method;

/* The registers of whoever runs here; preemption is off. */
static inline void fpu_save(void *image)
{
	const struct fpu_method *m = &fpu_method;

	if (likely(m->xsaveopt))
		__asm__ volatile("xsaveopt64 (%0)" ::"r"(image), "a"(m->lo), "d"(m->hi) : "memory");
	else if (m->xsave)
		__asm__ volatile("xsave64 (%0)" ::"r"(image), "a"(m->lo), "d"(m->hi) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(image) : "memory");
}

static inline void fpu_load(const void *image)
{
	const struct fpu_method *m = &fpu_method;

	if (likely(m->xsave))
		__asm__ volatile("xrstor64 (%0)" ::"r"(image), "a"(m->lo), "d"(m->hi) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" ::"r"(image) : "memory");
}

void fpu_print(void (*print)(const char *fmt, ...) __printf(1, 2));
