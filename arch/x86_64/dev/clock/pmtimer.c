/* The ACPI power management timer: 3.58 MHz, 24 or 32 bits. ACPI specification 4.8.2.1. */
#include "arch/x86_64/dev/acpi/acpi.h"
#include "arch/x86_64/dev/clock/clock.h"
#include "arch/x86_64/dev/io.h"

#define PM_TIMER_HZ 3579545

static u64 read_counter(void)
{
	return inl(acpi.pm_timer);
}

bool pm_timer_init(struct clock_source *c)
{
	if (!acpi.has_fadt || acpi.pm_timer == 0 || !clock_counts(read_counter))
		return false;
	*c = (struct clock_source){.name = "ACPI PM timer",
				   .read = read_counter,
				   .hz = PM_TIMER_HZ,
				   .mask = acpi.pm_timer_32bit ? 0xffffffffUL : 0xffffffUL};
	return true;
}
