/* The HPET's main counter as clock. Its timers are not used: local APICs have better ones. */
#include "arch/x86_64/dev/acpi/acpi.h"
#include "arch/x86_64/dev/clock/clock.h"
#include "arch/x86_64/dev/io.h"
#include "arch/x86_64/mm/paging.h"
#include "kernel/lib/log.h"

#define REG_CAPABILITIES 0x000
#define REG_CONFIG       0x010
#define REG_COUNTER      0x0f0

#define CAP_64BIT     (1u << 13)
#define CONFIG_ENABLE (1u << 0)
#define CONFIG_LEGACY (1u << 1)  /* would take the PIT's interrupt away */
#define MAX_PERIOD_FS 100000000u /* specification 2.3.4 */
#define FS_PER_SEC    1000000000000000UL

static volatile u8 *regs;

static u64 read_counter64(void)
{
	return mmio_read64(regs + REG_COUNTER);
}

static u64 read_counter32(void)
{
	return mmio_read32(regs + REG_COUNTER);
}

bool hpet_init(struct clock_source *c)
{
	u32 period, caps;
	bool wide;

	if (!acpi.has_hpet)
		return false;
	regs = arch_map_device(acpi.hpet_base, 0x400);
	if (!regs)
		return false;
	caps = mmio_read32(regs + REG_CAPABILITIES);
	period = mmio_read32(regs + REG_CAPABILITIES + 4);
	if (caps == 0xffffffff || period == 0 || period > MAX_PERIOD_FS) {
		pr_warn("hpet: a period of %u fs makes no sense\n", period);
		return false;
	}
	mmio_write32(regs + REG_CONFIG,
		     (mmio_read32(regs + REG_CONFIG) & ~CONFIG_LEGACY) | CONFIG_ENABLE);
	if (!clock_counts(read_counter32)) {
		pr_warn("hpet: does not count\n");
		return false;
	}
	wide = caps & CAP_64BIT;
	*c = (struct clock_source){.name = "HPET",
				   .read = wide ? read_counter64 : read_counter32,
				   .hz = FS_PER_SEC / period,
				   .mask = wide ? ~0UL : 0xffffffffUL};
	return true;
}
