/* What the files of kernel/time/ share. */
#pragma once

#include "kernel/lib/types.h"

/* Interrupts are off. Have this CPU interrupted at monotonic `when` at the latest. */
void timer_program_before(u64 when);
/* Interrupts are off. Do the scheduler's tick if it is due; returns when the next one is,
 * TIME_FOREVER when the tick is off. */
u64 tick_interrupt(u64 now);
