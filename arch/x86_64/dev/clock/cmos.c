/* The battery-backed clock, read once at boot. It is assumed to run in UTC. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/dev/acpi/acpi.h"
#include "arch/x86_64/dev/io.h"
#include "kernel/lib/string.h"

#define INDEX 0x70
#define DATA  0x71

#define REG_SECONDS  0x00
#define REG_MINUTES  0x02
#define REG_HOURS    0x04
#define REG_DAY      0x07
#define REG_MONTH    0x08
#define REG_YEAR     0x09
#define REG_STATUS_A 0x0a
#define REG_STATUS_B 0x0b

#define A_UPDATING 0x80
#define B_24_HOURS 0x02
#define B_BINARY   0x04
#define HOUR_PM    0x80

struct cmos_time {
	u8 sec, min, hour, day, month, year, century;
};

static u8 read_reg(u8 reg)
{
	outb(INDEX, reg);
	return inb(DATA);
}

static struct cmos_time read_once(void)
{
	/* An update takes at most 2 ms; a missing clock must not block the boot. */
	for (int i = 0; i < 10000 && (read_reg(REG_STATUS_A) & A_UPDATING); i++)
		io_delay();
	return (struct cmos_time){.sec = read_reg(REG_SECONDS),
				  .min = read_reg(REG_MINUTES),
				  .hour = read_reg(REG_HOURS),
				  .day = read_reg(REG_DAY),
				  .month = read_reg(REG_MONTH),
				  .year = read_reg(REG_YEAR),
				  .century = acpi.century ? read_reg(acpi.century) : 0};
}

static u32 decode(u8 v, bool binary)
{
	return binary ? v : (v >> 4) * 10 + (v & 15);
}

/* Days since 1970-01-01. Years are counted from March, so that the leap day is the last of one. */
static u64 days_since_epoch(u64 year, u32 month, u32 day)
{
	u64 y = month <= 2 ? year - 1 : year;
	u32 months_from_march = (month + 9) % 12;

	return y * 365 + y / 4 - y / 100 + y / 400 + (months_from_march * 153 + 2) / 5 + day - 1 -
	       719468;
}

static u64 to_seconds(const struct cmos_time *t, u8 status_b)
{
	bool binary = status_b & B_BINARY;
	u32 hour = decode(t->hour & ~HOUR_PM, binary);
	u32 month = decode(t->month, binary), century = decode(t->century, binary);
	u64 year = decode(t->year, binary);

	if (!(status_b & B_24_HOURS))
		hour = hour % 12 + (t->hour & HOUR_PM ? 12 : 0);
	year += (century >= 19 && century <= 99 ? century : 20) * 100;
	if (month < 1 || month > 12 || year < 1970)
		return 0;
	return (days_since_epoch(year, month, decode(t->day, binary)) * 24 + hour) * 3600 +
	       decode(t->min, binary) * 60 + decode(t->sec, binary);
}

u64 arch_wall_clock(void)
{
	struct cmos_time a, b;

	if (acpi.no_cmos)
		return 0;
	a = read_once();
	/* Read until two readings agree: an update may come between two registers. */
	for (int i = 0; i < 5; i++) {
		b = read_once();
		if (memcmp(&a, &b, sizeof(a)) == 0)
			break;
		a = b;
	}
	return to_seconds(&a, read_reg(REG_STATUS_B));
}
