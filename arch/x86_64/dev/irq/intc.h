/* The PC's interrupt lines: through local APIC and I/O APIC, or through the two 8259 where those
 * are missing. */
#pragma once

#include "arch/x86_64/cpu/irq.h"
#include "kernel/lib/types.h"

/* ISA line n arrives at vector IRQ_FIRST_VECTOR + n either way. */
#define ISA_IRQS     16
#define TIMER_VECTOR 0xf0 /* the local APIC's timer: above all lines, so of higher priority */
/* From one CPU to another: cpu/ipi.c, mm/tlb.c. */
#define RESCHEDULE_VECTOR 0xf1
#define FLUSH_VECTOR      0xf2
#define CALL_VECTOR       0xf3

/* Have `fn` called for an ISA line. 0 or -EINVAL (no such line, or nothing to route it). */
int irq_install(u8 irq, irq_handler_t fn);
/* Acknowledge; the handler's first act. */
void irq_eoi(u8 irq);
/* False: the 8259s are in use, and the PIT is the timer. */
bool irq_uses_apic(void);

/* ---- apic.c ---- */
/* Switch the local APIC of this CPU on. -ENODEV without one. */
int apic_init(phys_addr_t base);
/* The same for another CPU, after the boot CPU did it: its local APIC, and its timer. */
void apic_init_cpu(void);
void apic_eoi(void);
u32 apic_id(void);
bool apic_can_reach(u32 id); /* xAPIC has 8 bits for it, and 255 is everybody */
const char *apic_mode(void);
/* Measure the timer against the clock source and use it from here on. -EIO when it does not count.
 */
int apic_timer_init(void);
void apic_timer_program(u64 ns);
void apic_timer_stop(void);
/* Interrupts for the CPU with this APIC id. Any context; they may be taken at once. */
void apic_send_ipi(u32 id, u8 vector);
void apic_send_nmi(u32 id);
/* Reset it; start it in real mode at the beginning of this page below 1 MiB. SDM vol. 3A, 9.4.4. */
void apic_send_init(u32 id);
void apic_send_startup(u32 id, u8 page);

/* ---- ioapic.c ---- */
struct acpi_info;
/* -ENODEV without a usable one. */
int ioapic_init(const struct acpi_info *acpi);
/* Route an ISA line to `vector` of the CPU with this APIC id. 0 or -EINVAL. */
int ioapic_route(u8 irq, u8 vector, u32 dest);

/* ---- pic.c ---- */
void pic_init(void); /* remapped to IRQ_FIRST_VECTOR, all lines masked */
void pic_unmask(u8 irq);
void pic_eoi(u8 irq);
