/* The two 8259 interrupt controllers: moved off the CPU's exceptions; used if there is no APIC. */
#include "arch/x86_64/dev/io.h"
#include "arch/x86_64/dev/irq/intc.h"

#define MASTER    0x20
#define SLAVE     0xa0
#define DATA      1    /* offset of the data port */
#define ICW1_INIT 0x11 /* cascade, edge-triggered, ICW4 follows */
#define ICW4_8086 0x01
#define OCW2_EOI  0x20
#define OCW3_ISR  0x0b /* the next read returns the in-service register */
#define CASCADE   2    /* the slave's line of the master */

static u16 mask = 0xffff;

static void write_mask(void)
{
	outb(MASTER + DATA, (u8)mask);
	outb(SLAVE + DATA, mask >> 8);
}

static void init_one(u16 port, u8 vector, u8 icw3)
{
	outb(port, ICW1_INIT);
	io_delay();
	outb(port + DATA, vector);
	io_delay();
	outb(port + DATA, icw3);
	io_delay();
	outb(port + DATA, ICW4_8086);
	io_delay();
}

/* An interrupt whose line goes quiet before the CPU takes it arrives as number 7 or 15 without
 * being in service, and must not be acknowledged. Only the master must, for the slave's. */
static bool spurious(u8 irq)
{
	u16 port = irq < 8 ? MASTER : SLAVE;

	if (irq % 8 != 7)
		return false;
	outb(port, OCW3_ISR);
	return !(inb(port) & 0x80);
}

void pic_eoi(u8 irq)
{
	bool real = !spurious(irq);

	if (irq >= 8 && real)
		outb(SLAVE, OCW2_EOI);
	if (irq >= 8 || real)
		outb(MASTER, OCW2_EOI);
}

static void lost_interrupt_master(struct pt_regs *regs __maybe_unused)
{
	pic_eoi(7);
}

static void lost_interrupt_slave(struct pt_regs *regs __maybe_unused)
{
	pic_eoi(15);
}

void pic_init(void)
{
	init_one(MASTER, IRQ_FIRST_VECTOR, 1 << CASCADE);
	init_one(SLAVE, IRQ_FIRST_VECTOR + 8, CASCADE);
	write_mask();
	irq_set_handler(IRQ_FIRST_VECTOR + 7, lost_interrupt_master);
	irq_set_handler(IRQ_FIRST_VECTOR + 15, lost_interrupt_slave);
}

void pic_unmask(u8 irq)
{
	mask &= ~(1u << irq);
	if (irq >= 8)
		mask &= ~(1u << CASCADE);
	write_mask();
}
