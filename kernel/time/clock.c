/* The two clocks: monotonic since boot, and the time of day, which is the first plus a base that
 * can be set. */
#include "arch/x86_64/arch.h"
#include "kernel/lib/atomic.h"
#include "kernel/sched/wait_queue.h"
#include "kernel/time/time_internal.h"
#include "kernel/time/timer.h"
#include "kernel/time/timespec.h"
#include "kernel/vdso/vdso.h"

static u64 real_base; /* time of day at monotonic 0: one aligned word, read and written whole */
struct wait_queue clock_was_set = WAIT_QUEUE_INIT(clock_was_set);

u64 ktime_get(void)
{
	return arch_clock_ns();
}

u64 ktime_real_base(void)
{
	return READ_ONCE(real_base);
}

u64 ktime_get_real(void)
{
	return READ_ONCE(real_base) + ktime_get();
}

void ktime_set_real(u64 ns)
{
	WRITE_ONCE(real_base, ns - ktime_get());
	vdso_set_real(ktime_real_base());
	wake_up_all(&clock_was_set);
}

u64 ktime_of_real(u64 real)
{
	u64 base = READ_ONCE(real_base);

	return real > base ? real - base : 0;
}

void time_init(void)
{
	u64 flags;

	timers_init();
	WRITE_ONCE(real_base, arch_wall_clock() * NSEC_PER_SEC - ktime_get());
	flags = local_irq_save();
	timer_program_before(time_add(ktime_get(), arch_clock_max_idle()));
	local_irq_restore(flags);
}
