/*
 * The serial port COM1: a 16550, 115200 baud, 8N1.
 *
 * Output goes straight into the transmit FIFO while that has room. The rest waits in a ring, which
 * the transmit interrupt empties. Before interrupts work, and when the ring is full, the writer
 * polls until there is room. Programs and the shell sleep until the ring is half empty.
 *
 * If the port stops sending, the kernel waits for it once, for a moment. From then on output that
 * does not fit in the ring is lost; kernel messages stay in the log. The number of lost bytes is
 * printed when the port sends again.
 *
 * The console's lock guards all state here; the interrupt handler takes it itself.
 */
#include "arch/x86_64/dev/console/serial.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/dev/console/console.h"
#include "arch/x86_64/dev/io.h"
#include "arch/x86_64/dev/irq/intc.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/log.h"

#define PORT     0x3f8
#define REG_DATA (PORT + 0)
#define REG_IER  (PORT + 1)
#define REG_IIR  (PORT + 2) /* read */
#define REG_FCR  (PORT + 2) /* write */
#define REG_LCR  (PORT + 3)
#define REG_MCR  (PORT + 4)
#define REG_LSR  (PORT + 5)
#define REG_SCR  (PORT + 7)

#define IER_RX       0x01
#define IER_TX       0x02
#define IIR_NONE     0x01
#define FCR_SETUP    0x87 /* FIFOs on and empty, interrupt at 8 received bytes */
#define LCR_8N1      0x03
#define LCR_DLAB     0x80
#define MCR_READY    0x0b /* DTR, RTS, and OUT2, which lets the interrupt through */
#define MCR_LOOPBACK 0x1e
#define LSR_RX_READY 0x01
#define LSR_TX_EMPTY 0x20 /* the FIFO */
#define LSR_TX_IDLE  0x40 /* and the byte before it is on the line */

#define FIFO_SIZE    16
#define TX_RING_SIZE 16384
#define STUCK_AFTER  300000 /* polls without progress: about as many microseconds */
#define MAX_ROUNDS   4096   /* in one interrupt: a broken port must not hang the CPU */
#define SERIAL_IRQ   4

static bool present;
static bool interrupts; /* the transmit interrupt works */
static u8 tx_ring[TX_RING_SIZE];
static u32 tx_head, tx_tail; /* written at head, sent from tail; they only grow */
static bool crowded; /* the ring was more than half full: programs sleep; read without the lock */
static bool stuck;   /* the port made no progress: it is not polled again */
static u64 lost;     /* bytes, since the port stopped */
static u8 ier;

/* Write the register only if it changes: a device access is expensive under a hypervisor. */
static void set_ier(u8 v)
{
	if (ier != v)
		outb(REG_IER, v);
	ier = v;
}

static bool loopback_works(void)
{
	bool ok;

	outb(REG_MCR, MCR_LOOPBACK);
	outb(REG_DATA, 0xa5);
	for (int i = 0; i < 1000 && !(inb(REG_LSR) & LSR_RX_READY); i++)
		io_delay();
	ok = inb(REG_DATA) == 0xa5;
	outb(REG_MCR, MCR_READY);
	return ok;
}

static bool scratch_works(void)
{
	outb(REG_SCR, 0x5a);
	if (inb(REG_SCR) != 0x5a)
		return false;
	outb(REG_SCR, 0xa5);
	return inb(REG_SCR) == 0xa5;
}

void serial_early_init(void)
{
	if (!scratch_works())
		return;
	outb(REG_IER, 0);
	outb(REG_LCR, LCR_DLAB);
	outb(REG_DATA, 1); /* divisor 1: 115200 baud */
	outb(REG_IER, 0);
	outb(REG_LCR, LCR_8N1);
	outb(REG_FCR, FCR_SETUP);
	present = loopback_works();
}

bool serial_present(void)
{
	return present;
}

/* Fill the FIFO from the ring. True if something was moved or the ring is empty. */
static bool pump(void)
{
	if (tx_head == tx_tail)
		return true;
	if (!(inb(REG_LSR) & LSR_TX_EMPTY))
		return false;
	stuck = false;
	for (int i = 0; i < FIFO_SIZE && tx_tail != tx_head; i++)
		outb(REG_DATA, tx_ring[tx_tail++ % TX_RING_SIZE]);
	return true;
}

/* Poll until at most `left` bytes wait, or the port is found stuck. */
static void drain_to(u32 left)
{
	for (u32 idle = 0; tx_head - tx_tail > left; idle++) {
		if (pump()) {
			idle = 0;
		} else if (stuck || idle > STUCK_AFTER) {
			stuck = true;
			return;
		} else {
			cpu_relax();
		}
	}
}

static void put(u8 c)
{
	if (tx_head - tx_tail == TX_RING_SIZE)
		drain_to(TX_RING_SIZE - FIFO_SIZE);
	if (tx_head - tx_tail == TX_RING_SIZE) {
		lost++;
		return;
	}
	tx_ring[tx_head++ % TX_RING_SIZE] = c;
	if (tx_head - tx_tail > TX_RING_SIZE / 2)
		WRITE_ONCE(crowded, interrupts);
}

size_t arch_console_room(void)
{
	return READ_ONCE(crowded) ? 0 : TX_RING_SIZE / 4;
}

/* Report lost bytes, behind the output that waited meanwhile. */
static void report_lost(void)
{
	char line[64];
	int n;

	if (!lost || tx_head - tx_tail > TX_RING_SIZE / 2)
		return;
	n = scnprintf(line, sizeof(line), "\r\n[serial: %lu bytes were lost before this]\r\n",
		      lost);
	lost = 0;
	for (int i = 0; i < n; i++)
		put((u8)line[i]);
}

/* True if sleeping programs must be woken. Stops transmit interrupts if the ring is empty. */
static bool made_room(void)
{
	bool made = crowded && tx_head - tx_tail <= TX_RING_SIZE / 2;

	if (made)
		WRITE_ONCE(crowded, false);
	if (tx_head == tx_tail)
		set_ier(IER_RX);
	return made;
}

void serial_write(const char *s, size_t n, bool newlines)
{
	if (!present)
		return;
	report_lost();
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n' && newlines)
			put('\r');
		put(s[i]);
		if (tx_head - tx_tail >= FIFO_SIZE)
			pump();
	}
	while (tx_head != tx_tail && pump())
		;
	if (!interrupts)
		drain_to(0);
	else
		set_ier(tx_head == tx_tail && !crowded ? IER_RX : IER_RX | IER_TX);
}

void serial_flush(void)
{
	stuck = false; /* these may be the last words: try once more */
	if (!present)
		return;
	drain_to(0);
	/* What is in the FIFO, up to 1.5 ms, would be lost when the machine goes off. */
	for (u32 i = 0; !stuck && !(inb(REG_LSR) & LSR_TX_IDLE); i++) {
		stuck = i > STUCK_AFTER;
		cpu_relax();
	}
}

static size_t receive(char *buf, size_t max)
{
	size_t n = 0;

	while (n < max && (inb(REG_LSR) & LSR_RX_READY))
		buf[n++] = inb(REG_DATA);
	return n;
}

/* Received bytes are handed on without the lock: their reader takes other locks. */
static void serial_interrupt(struct pt_regs *regs __maybe_unused)
{
	char buf[FIFO_SIZE];
	bool more = true;

	irq_eoi(SERIAL_IRQ);
	for (int i = 0; i < MAX_ROUNDS && more; i++) {
		u64 flags = console_lock();
		size_t n = receive(buf, sizeof(buf));
		bool room;

		pump();
		report_lost();
		room = made_room();
		/* The line is edge-triggered: if a cause is left pending, no interrupt follows. */
		more = !(inb(REG_IIR) & IIR_NONE) || n > 0;
		console_unlock(flags);
		if (room)
			console_writable();
		for (size_t k = 0; k < n; k++)
			console_input(buf[k]);
	}
	arch_console_refresh();
}

void serial_init(void)
{
	u64 flags;

	if (!present) {
		pr_info("serial: no 16550 at %#x\n", PORT);
		return;
	}
	if (irq_install(SERIAL_IRQ, serial_interrupt) != 0) {
		pr_warn("serial: no interrupt, output is polled, no input\n");
		return;
	}
	flags = console_lock();
	interrupts = true;
	set_ier(IER_RX);
	console_unlock(flags);
}
