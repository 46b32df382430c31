/* What the files of kernel/time/ share. */
#pragma once

#include "kernel/lib/types.h"

void timers_init(void);
/* Interrupts are off. Have this CPU interrupted at monotonic `when` at the latest. */
void timer_program_before(u64 when);
/* Interrupts are off. Do the scheduler's tick if it is due; returns when it is due next, or
 * TIME_FOREVER. */
u64 tick_interrupt(u64 now);
/* Woken whenever somebody sets the wall clock: sleepers until a time of day look again. */
extern struct wait_queue clock_was_set;
/* Monotonic time at which the wall clock will show `real` if nobody sets it. */
u64 ktime_of_real(u64 real);
