/* The 8254 interval timer, for machines without a better one. Channel 2 is a clock of 16 bits,
 * which must be read every 27 ms; channel 0 is the one-shot timer. */
#include "arch/x86_64/dev/clock/clock.h"
#include "arch/x86_64/dev/io.h"
#include "arch/x86_64/dev/irq/intc.h"
#include "kernel/lib/uapi.h"
#include "kernel/time/timer.h"

#define CHANNEL0 0x40
#define CHANNEL2 0x42
#define COMMAND  0x43
#define SPEAKER  0x61 /* bit 0: gate of channel 2, bit 1: its output to the speaker */
#define PIT_HZ   1193182
#define PIT_IRQ  0

#define CMD_CHANNEL0_ONESHOT 0x30 /* low and high byte, mode 0: interrupt on terminal count */
#define CMD_CHANNEL2_RATE    0xb4 /* low and high byte, mode 2: counts round */
#define CMD_LATCH0           0x00
#define CMD_LATCH2           0x80

static u64 read_channel0(void)
{
	u8 low;

	outb(COMMAND, CMD_LATCH0);
	low = inb(CHANNEL0);
	return low | inb(CHANNEL0) << 8;
}

static u64 read_counter(void)
{
	u64 flags = local_irq_save();
	u16 v;

	outb(COMMAND, CMD_LATCH2);
	v = inb(CHANNEL2);
	v |= inb(CHANNEL2) << 8;
	local_irq_restore(flags);
	return (u16)-v; /* it counts down */
}

bool pit_clock_init(struct clock_source *c)
{
	outb(SPEAKER, (inb(SPEAKER) & ~2) | 1);
	outb(COMMAND, CMD_CHANNEL2_RATE);
	outb(CHANNEL2, 0); /* 0 is 65536 */
	outb(CHANNEL2, 0);
	if (!clock_counts(read_counter))
		return false;
	*c = (struct clock_source){
		.name = "PIT", .read = read_counter, .hz = PIT_HZ, .mask = 0xffff};
	return true;
}

static void timer_fired(struct pt_regs *regs __maybe_unused)
{
	irq_eoi(PIT_IRQ);
	timer_interrupt();
}

void pit_timer_program(u64 ns)
{
	u64 ticks = ns < NSEC_PER_SEC ? ns * PIT_HZ / NSEC_PER_SEC + 1 : 0xffff;

	ticks = MIN(ticks, 0xffffUL); /* too long: interrupts early; the timer code goes on */
	outb(COMMAND, CMD_CHANNEL0_ONESHOT);
	outb(CHANNEL0, (u8)ticks);
	outb(CHANNEL0, ticks >> 8);
}

int pit_timer_init(void)
{
	outb(COMMAND, CMD_CHANNEL0_ONESHOT);
	outb(CHANNEL0, 0xff);
	outb(CHANNEL0, 0xff);
	if (!clock_counts(read_channel0))
		return -ENODEV;
	outb(COMMAND, CMD_CHANNEL0_ONESHOT); /* the channel waits for a count */
	return irq_install(PIT_IRQ, timer_fired);
}
