/* More than one CPU: private to the architecture. arch.h has the part for generic code. */
#pragma once

#include "kernel/lib/types.h"

struct cpu;
struct pt_regs;

void syscall_init(void); /* the SYSCALL registers of this CPU */
void ipi_init(void);     /* the handlers of all interrupts from one CPU to another */
void tlb_ipi_init(void); /* of the one for flushes: mm/tlb.c */
void tlb_init(void);     /* use PCIDs; called while only the boot CPU runs */

/* In an NMI: stop this CPU if a panic asked for it. */
void stop_if_asked(void);
/* In an NMI: answer a CPU that wants a backtrace of this one. False if none asked. */
bool backtrace_if_asked(const struct pt_regs *regs);
const char *nmi_reason(void); /* of one that no CPU has sent: dev/nmi_reason.c */
/* The first C function of a CPU other than the boot CPU: called by trampoline.asm. */
void ap_main(struct cpu *cpu) __noreturn;
