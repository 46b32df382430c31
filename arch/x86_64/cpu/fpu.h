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
void fpu_free(void *image); /* NULL is allowed */
void fpu_switch(struct task *prev, struct task *next);
/* Write the live registers of current into its image. */
void fpu_save_current(void);
/* Forget the live registers: current goes on with the initial state. It has an image. */
void fpu_reset_current(void);
/* Go on with `image`, which becomes current's; the old one is freed. Untrusted contents are made
 * harmless. */
void fpu_replace_current(void *image, bool has_xstate);
size_t fpu_image_size(void);
u64 fpu_features(void); /* XCR0; 3 (x87 and SSE) with FXSAVE */
bool fpu_has_xsave(void);
void fpu_print(void (*print)(const char *fmt, ...) __printf(1, 2));
