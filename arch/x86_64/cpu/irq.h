/*
 * Hardware interrupts: who is called for which vector.
 *
 * The entry code saves the registers, counts the nesting and calls the handler with interrupts off.
 * The handler acknowledges the interrupt controller itself (the spurious vector must not be
 * acknowledged), and may wake tasks but not sleep. Whether somebody better should run is looked at
 * on the way out.
 */
#pragma once

#include "arch/x86_64/entry/regs.h"
#include "kernel/lib/types.h"

#define IRQ_FIRST_VECTOR    32
#define IRQ_SPURIOUS_VECTOR 255

typedef void (*irq_handler_t)(struct pt_regs *regs);

/* Install `fn` for `vector` (32 … 255); NULL takes it away. An interrupt without a handler is
 * counted and ignored. */
void irq_set_handler(u8 vector, irq_handler_t fn);
/* Interrupts that came in without a handler. */
u64 irq_unexpected(void);
