/* The PC's interrupt lines: through local APIC and I/O APIC, or else through the two 8259s. */
#pragma once

#include "arch/x86_64/cpu/irq.h"
#include "kernel/lib/types.h"

/* ISA line n arrives at vector IRQ_FIRST_VECTOR + n either way. */
#define ISA_IRQS     16
#define TIMER_VECTOR 0xf0 /* the local APIC's timer: of higher priority than all lines */
#define XHCI_VECTOR  0xe0 /* USB controllers, by message */
/* From one CPU to another: cpu/ipi.c, mm/tlb.c. */
#define RESCHEDULE_VECTOR 0xf1
#define FLUSH_VECTOR      0xf2
#define CALL_VECTOR       0xf3

/* Install `fn` for an ISA line. 0 or -EINVAL (no such line, or it cannot be routed). */
int irq_install(u8 irq, irq_handler_t fn);
void irq_eoi(u8 irq);     /* acknowledge: a handler does it first */
bool irq_uses_apic(void); /* false: the 8259s are in use, and the PIT is the timer */

/* ---- apic.c ---- */
int apic_init(phys_addr_t base); /* the boot CPU's local APIC; -ENODEV without one */
void apic_init_cpu(void);        /* another CPU's local APIC and timer */
void apic_eoi(void);
u32 apic_id(void);
bool apic_can_reach(u32 id); /* xAPIC has 8 bits for it, and 255 is a broadcast */
const char *apic_mode(void);
/* Measure the boot CPU's timer against the clock and enable it. -EIO if it does not count. */
int apic_timer_init(void);
void apic_timer_program(u64 ns);
/* Interrupt the CPU with this APIC id: a vector, or one of these. Any context. SDM 3A, 9.4.4. */
#define APIC_NMI     (4u << 8)
#define APIC_INIT    (5u << 8) /* reset it */
#define APIC_STARTUP (6u << 8) /* | n: start it in real mode at page n, below 1 MiB */
void apic_send(u32 id, u32 command);

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
