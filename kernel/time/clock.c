/* The two clocks: monotonic since boot, and the time of day, which is the first plus a base. */
#include "arch/x86_64/arch.h"
#include "kernel/time/time_internal.h"
#include "kernel/time/timer.h"
#include "kernel/time/timespec.h"

static u64 real_base; /* time of day at monotonic 0; constant after boot */

u64 ktime_get(void)
{
	return arch_clock_ns();
}

u64 ktime_real_base(void)
{
	return real_base;
}

u64 ktime_get_real(void)
{
	return real_base + ktime_get();
}

u64 ktime_of_real(u64 real)
{
	return real > real_base ? real - real_base : 0;
}

void time_init(void)
{
	u64 flags;

	timers_init_cpu(this_cpu()->id);
	real_base = arch_wall_clock() * NSEC_PER_SEC - ktime_get();
	flags = local_irq_save();
	timer_program_before(time_add(ktime_get(), arch_clock_max_idle()));
	local_irq_restore(flags);
}
