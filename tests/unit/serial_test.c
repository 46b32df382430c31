/* The serial port's driver against a model of a 16550 that is busy with a byte for BYTE_POLLS reads
 * of its status. */
// sources: kernel/lib/printf.c
#include "tests/unit/host.h"

#include "arch/x86_64/dev/io.h"

static u8 model_read(u16 port);
static void model_write(u16 port, u8 v);

#define inb(port)     model_read(port)
#define outb(port, v) model_write(port, v)
#define io_delay()    ((void)0)

#include "arch/x86_64/dev/console/serial.c"

#define BYTE_POLLS 100

static u8 scratch, loopback;
static u32 queued,
	left;     /* bytes in the FIFO and in the shift register; polls until the latter is sent */
static bool dead; /* it sends nothing */
static char sent[64];
static u32 nr_sent, polls;
static u8 fifo[FIFO_SIZE + 1]; /* from the shift register on */

static void poll(void)
{
	polls++;
	if (dead || !queued || --left)
		return;
	sent[nr_sent++ % sizeof(sent)] = (char)fifo[0];
	memmove(fifo, fifo + 1, --queued);
	left = BYTE_POLLS;
}

static u8 model_read(u16 port)
{
	switch (port) {
	case REG_DATA:
		return loopback;
	case REG_SCR:
		return scratch;
	case REG_LSR:
		poll();
		return (queued <= 1 ? LSR_TX_EMPTY : 0) | (queued == 0 ? LSR_TX_IDLE : 0) |
		       (loopback ? LSR_RX_READY : 0);
	default:
		return 0;
	}
}

static void model_write(u16 port, u8 v)
{
	static u8 mcr, lcr;

	if (port == REG_SCR) {
		scratch = v;
	} else if (port == REG_MCR) {
		mcr = v;
		loopback = 0;
	} else if (port == REG_LCR) {
		lcr = v;
	} else if (port == REG_DATA && mcr == MCR_LOOPBACK) {
		loopback = v;
	} else if (port == REG_DATA && !(lcr & LCR_DLAB)) {
		CHECK(queued <= FIFO_SIZE);
		if (!queued)
			left = BYTE_POLLS;
		fifo[queued++] = v;
	}
}

/* What the driver and printf call of the kernel. */
const char *symbol_name(u64 addr __maybe_unused, char *buf, size_t n __maybe_unused)
{
	return buf;
}
u64 console_lock(void)
{
	return 0;
}
void console_unlock(u64 flags __maybe_unused)
{
}
void console_input(char c __maybe_unused)
{
}
void console_writable(void)
{
}
void arch_console_refresh(void)
{
}
void irq_eoi(u8 irq __maybe_unused)
{
}
int irq_install(u8 irq __maybe_unused, irq_handler_t fn __maybe_unused)
{
	return 0;
}

static void start(void)
{
	dead = false;
	queued = nr_sent = 0;
	serial_early_init();
	CHECK(serial_present());
	serial_init();
}

TEST(flush_waits_for_the_last_byte)
{
	static const char text[] = "the last words, longer than the FIFO";

	start();
	serial_write(text, strlen(text), false);
	CHECK(nr_sent < strlen(text));
	serial_flush();
	CHECK_EQ(nr_sent, strlen(text));
	CHECK(memcmp(sent, text, nr_sent) == 0);
}

TEST(flush_gives_up_on_a_dead_port)
{
	start();
	dead = true;
	serial_write("x", 1, false); /* goes into the FIFO, and stays there */
	polls = 0;
	serial_flush();
	CHECK(polls > STUCK_AFTER && polls < 2 * STUCK_AFTER);
	serial_write("a whole FIFO and more", 21, false);
	polls = 0;
	serial_flush();
	CHECK(polls < 3 * STUCK_AFTER);
	CHECK_EQ(nr_sent, 0);
}

TEST_MAIN
