/*
 * Hardware interrupts: which handler is called for which vector.
 *
 * A handler runs with interrupts off. It acknowledges the interrupt controller itself (not for the
 * spurious vector), and may wake tasks but not sleep. The way out looks for a better task to run.
 */
#pragma once

#include "arch/x86_64/entry/regs.h"
#include "kernel/lib/types.h"

#define IRQ_FIRST_VECTOR    32
#define IRQ_SPURIOUS_VECTOR 255

typedef void (*irq_handler_t)(struct pt_regs *regs);

/* Install `fn` for `vector` (32 … 255), or none for NULL: such interrupts are ignored. */
void irq_set_handler(u8 vector, irq_handler_t fn);
