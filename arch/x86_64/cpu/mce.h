/* Machine checks: errors of the hardware that the CPU reports. SDM vol. 3B, chapter 16. */
#pragma once

#include "kernel/lib/types.h"

struct pt_regs;

void mce_init(void);     /* the boot CPU, once the log works */
void mce_init_cpu(void); /* every other one */
/* Panics with a line for each bank that reports an error. */
void machine_check(struct pt_regs *regs) __noreturn;

/* mce_decode.c: what a bank's IA32_MCi_STATUS says. Returns the length of the line in buf. */
#define MCE_VALID (1UL << 63)
size_t mce_line(char *buf, size_t size, u32 bank, u64 status, u64 addr);
