/* Timers and clocks. All times are nanoseconds; the monotonic clock starts at boot. */
#pragma once

#include "kernel/lib/lock.h"
#include "kernel/lib/nsec.h"
#include "kernel/lib/types.h"
#include "kernel/time/heap.h"

u64 ktime_get(void);       /* monotonic */
u64 ktime_get_real(void);  /* since the epoch */
u64 ktime_real_base(void); /* time of day at monotonic 0 */
/* Monotonic time at which the wall clock shows `real`. */
u64 ktime_of_real(u64 real);

/* One-shot. The callback runs in an interrupt, with no lock held, and may start the timer again. */
struct timer {
	struct heap_node node; /* its key: when it expires, monotonic */
	void (*fn)(struct timer *);
	struct cpu *cpu; /* whose heap it is in; NULL: not queued */
};

void timer_init(struct timer *t, void (*fn)(struct timer *));
void timer_start(struct timer *t, u64 expires); /* restarts when queued */
/* True when it was queued. On return the callback is not running on any CPU. */
bool timer_cancel(struct timer *t);
void timer_interrupt(void); /* the architecture's one-shot fired */
void time_init(void);
void timers_init_cpu(u32 cpu); /* before that CPU starts */

/* The scheduler's tick on this CPU: on while a task runs, off in the idle loop. */
#define HZ      250
#define TICK_NS (NSEC_PER_SEC / HZ)
void tick_start(void);
void tick_stop(void);
/* Interrupts are off. Have scheduler_look_ahead() called before the next tick. */
void tick_soon(void);

/* Sleep in the state the caller set until `expires`, or until woken. Returns the time left, 0 when
 * it has passed. */
u64 schedule_until(u64 expires);
void sleep_ns(u64 ns); /* uninterruptible */
