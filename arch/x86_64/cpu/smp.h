/* More than one CPU: private to the architecture. What generic code may ask is in arch.h. */
#pragma once

#include "kernel/lib/types.h"

/* The boot CPU sets up what the others then only need to load. */
void syscall_init(void); /* this CPU: the SYSCALL registers */
void ipi_init(void);     /* the handlers of all interrupts from one CPU to another */
void tlb_ipi_init(void); /* of the one for flushes: mm/tlb.c */

/* In an NMI: if a panic asked all CPUs to stop, this does not return. */
void stop_if_asked(void);

/* In an NMI: true when it asks what this CPU is doing, which has then been answered. */
struct pt_regs;
bool backtrace_if_asked(const struct pt_regs *regs);

/* The first C function of an application processor: trampoline.asm. */
struct cpu;
void ap_main(struct cpu *cpu) __noreturn;
