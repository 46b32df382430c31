/* The start of an xHCI controller: section 4.2 of the specification 1.2. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/dev/usb/xhci_regs.h"
#include "arch/x86_64/mm/paging.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/uapi.h"
#include "kernel/time/timer.h"
#include "mm/page.h"

/* Firmware that plays a PS/2 keyboard with it lets go when asked, and is made to let go when it
 * does not; its system management interrupts stop: 4.22.1, 7.1.1. */
static void take_ownership(struct xhci *x, volatile u8 *ext)
{
	u64 until = ktime_get() + XHCI_WAIT_NS;
	u32 v = mmio_read32(ext);

	mmio_write32(ext, v | LEGACY_OS_OWNED);
	while ((mmio_read32(ext) & LEGACY_BIOS_OWNED) && ktime_get() < until)
		sleep_ns(NSEC_PER_MSEC);
	if (mmio_read32(ext) & LEGACY_BIOS_OWNED) {
		pr_warn("usb: the firmware keeps controller %s; taken anyway\n", x->name);
		mmio_write32(ext, (v | LEGACY_OS_OWNED) & ~LEGACY_BIOS_OWNED);
	}
	v = mmio_read32(ext + LEGACY_CONTROL) & ~LEGACY_SMI_ENABLE;
	mmio_write32(ext + LEGACY_CONTROL, v | LEGACY_SMI_EVENTS);
}

static void take_from_firmware(struct xhci *x, volatile u8 *cap, u64 size)
{
	u64 at = (u64)(mmio_read32(cap + CAP_CAPS1) >> 16) * 4;

	for (int i = 0; i < EXT_MAX && at && at + 8 <= size; i++) {
		u32 v = mmio_read32(cap + at);

		if ((v & 0xff) == EXT_LEGACY) {
			take_ownership(x, cap + at);
			return;
		}
		if (!(v >> 8 & 0xff))
			return;
		at += (v >> 8 & 0xff) * 4;
	}
}

/* Registers may be written when it is ready, and reset when it has halted: 4.2, 5.4.1. */
static bool reset_controller(struct xhci *x)
{
	if (!xhci_wait_for(x, OP_STATUS, STATUS_NOT_READY, 0))
		return false;
	op_write(x, OP_COMMAND, op_read(x, OP_COMMAND) & ~(COMMAND_RUN | COMMAND_INTERRUPT));
	if (!xhci_wait_for(x, OP_STATUS, STATUS_HALTED, STATUS_HALTED))
		return false;
	op_write(x, OP_COMMAND, COMMAND_RESET);
	sleep_ns(NSEC_PER_MSEC); /* some may not be read at once */
	return xhci_wait_for(x, OP_COMMAND, COMMAND_RESET, 0) &&
	       xhci_wait_for(x, OP_STATUS, STATUS_NOT_READY, 0);
}

/* Pages that the controller wants for itself: their addresses go where slot 0 would be, 4.20. */
static bool give_scratchpads(struct xhci *x, u32 structure2)
{
	u32 n = (structure2 >> 21 & 31) << 5 | (structure2 >> 27 & 31);

	if (!n)
		return true;
	x->scratchpads = dma_page();
	if (!x->scratchpads || n > PAGE_SIZE / sizeof(*x->scratchpads))
		return false;
	x->contexts[0] = virt_to_phys(x->scratchpads);
	for (u32 i = 0; i < n; i++) {
		void *page = dma_page();

		if (!page)
			return false;
		x->scratchpads[i] = virt_to_phys(page);
	}
	return true;
}

static bool get_memory(struct xhci *x, u32 structure2)
{
	x->segments = dma_page();
	x->contexts = dma_page();
	return x->segments && x->contexts && ring_create(&x->commands, true) &&
	       ring_create(&x->events, false) && give_scratchpads(x, structure2);
}

/* The controller does not reach memory any more. */
static void free_memory(struct xhci *x)
{
	u64 *pages = x->scratchpads;

	for (u32 i = 0; pages && i < PAGE_SIZE / sizeof(*pages) && pages[i]; i++)
		dma_free(phys_to_virt(pages[i]));
	dma_free(pages);
	dma_free(x->events.trbs);
	dma_free(x->commands.trbs);
	dma_free(x->contexts);
	dma_free(x->segments);
}

/* The segment table of the event ring has one entry: 6.5. Its address is written last: 4.9.4. */
static void show_memory(struct xhci *x)
{
	x->segments[0] = virt_to_phys(x->events.trbs);
	x->segments[1] = RING_TRBS;
	op_write(x, OP_CONFIG, x->nr_slots);
	write_address(x->op + OP_CONTEXTS, virt_to_phys(x->contexts));
	write_address(x->op + OP_RING, virt_to_phys(x->commands.trbs) | RING_CYCLE);
	mmio_write32(x->runtime + RUN_TABLE_SIZE, 1);
	write_address(x->runtime + RUN_DEQUEUE, virt_to_phys(x->events.trbs));
	write_address(x->runtime + RUN_TABLE, virt_to_phys(x->segments));
	mmio_write32(x->runtime + RUN_MODERATION, 4000); /* a millisecond, in 250 ns */
	mmio_write32(x->runtime + RUN_MANAGEMENT, IMAN_PENDING | IMAN_ENABLE);
}

/* The parts of the registers lie where the controller says. */
static bool find_registers(struct xhci *x, volatile u8 *cap, u64 size)
{
	u32 length = mmio_read32(cap + CAP_LENGTH) & 0xff;
	u32 structure1 = mmio_read32(cap + CAP_STRUCTURE1);
	u32 doorbells = mmio_read32(cap + CAP_DOORBELLS) & ~3u;
	u32 runtime = mmio_read32(cap + CAP_RUNTIME) & ~31u;

	x->nr_ports = structure1 >> 24;
	x->nr_slots = MIN(structure1 & 0xff, XHCI_MAX_SLOTS);
	x->context_size = mmio_read32(cap + CAP_CAPS1) & CAPS1_64_BYTES ? 64 : 32;
	x->op = cap + length;
	x->doorbells = cap + doorbells;
	x->runtime = cap + runtime;
	return length >= 0x20 && length % 4 == 0 && x->nr_ports && x->nr_slots &&
	       length + OP_PORT(x->nr_ports) + 16 <= size && doorbells + 4 * 256UL <= size &&
	       runtime + 0x40UL <= size;
}

/* Chipsets of Intel's series 7 to 9: a port of USB 2 belongs to an EHCI controller until it is
 * switched over. The masks say which ports can be. */
static void take_ports_from_ehci(const struct pci_function *f)
{
	static const u16 ids[] = {0x1e31, 0x8c31, 0x8cb1, 0x9c31, 0x9cb1};

	for (size_t i = 0; f->vendor == 0x8086 && i < ARRAY_SIZE(ids); i++) {
		if (f->id != ids[i])
			continue;
		pci_write(f, 0xd8, pci_read(f, 0xdc)); /* USB 3 */
		pci_write(f, 0xd0, pci_read(f, 0xd4)); /* USB 2 */
	}
}

/* Each port reports what is connected when it gets power; the ones that had it before are looked at
 * without a report. */
static void power_ports(struct xhci *x)
{
	for (u32 port = 1; port <= x->nr_ports; port++) {
		op_write(x, OP_PORT(port), (op_read(x, OP_PORT(port)) & PORT_KEEP) | PORT_POWER);
		bitmap_set(x->changed, port);
	}
	sleep_ns(100 * NSEC_PER_MSEC);
}

/* What goes wrong, NULL: it runs. While the ports get their power it has time to interrupt. */
static const char *bring_up(struct xhci *x, volatile u8 *cap, u64 size)
{
	if (!find_registers(x, cap, size))
		return "its registers make no sense";
	take_from_firmware(x, cap, size);
	if (!reset_controller(x))
		return "it cannot be reset";
	if (!(op_read(x, OP_PAGESIZE) & 1) || !get_memory(x, mmio_read32(cap + CAP_STRUCTURE2)))
		return "there is no memory that it could use";
	show_memory(x);
	op_write(x, OP_COMMAND, COMMAND_RUN | COMMAND_INTERRUPT);
	if (!xhci_wait_for(x, OP_STATUS, STATUS_HALTED, 0))
		return "it does not start";
	x->running = true;
	xhci_begin_greeting(x);
	take_ports_from_ehci(&x->pci);
	power_ports(x);
	return xhci_end_greeting(x) ? NULL : "it does not execute a command";
}

int xhci_start(struct xhci *x, const struct pci_function *f)
{
	u64 size = 0;
	phys_addr_t pa = pci_memory_bar(f, 0, &size);
	volatile u8 *cap;
	const char *why;

	x->pci = *f;
	snprintf(x->name, sizeof(x->name), "%02x:%02x.%u", f->bus, f->device, f->function % 8u);
	size = MIN(size, 1UL << 20);
	cap = pa && size >= PAGE_SIZE ? arch_map_device(pa, size) : NULL;
	why = cap ? bring_up(x, cap, size) : "it has no registers";
	if (!why)
		return 0;
	pr_warn("usb: controller %s is not used: %s\n", x->name, why);
	x->running = false;
	pci_disable(f);
	free_memory(x);
	return -EIO;
}
