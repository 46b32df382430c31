/*
 * The xHCI host controller. Numbers of sections are those of the xHCI specification 1.2.
 *
 * The controller and the kernel talk by rings of transfer request blocks in memory: commands,
 * transfers of each endpoint, and events, which say what has come of the others. One request is
 * under way at a time, besides the transfers from interrupt endpoints, which wait for keys.
 *
 * A controller that does not answer in time is given up: nothing waits for it again.
 */
#include "arch/x86_64/dev/usb/xhci.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/dev/usb/xhci_regs.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/uapi.h"
#include "kernel/time/timer.h"
#include "mm/page.h"

/* ---- transfer request blocks: 6.4 ---- */
enum trb_type {
	TRB_NORMAL = 1,
	TRB_SETUP = 2,
	TRB_DATA = 3,
	TRB_STATUS = 4,
	TRB_LINK = 6,
	TRB_ENABLE_SLOT = 9,
	TRB_DISABLE_SLOT = 10,
	TRB_ADDRESS_DEVICE = 11,
	TRB_CONFIGURE_ENDPOINT = 12,
	TRB_EVALUATE_CONTEXT = 13,
	TRB_RESET_ENDPOINT = 14,
	TRB_SET_DEQUEUE = 16,
	TRB_NOOP = 23,
	TRB_TRANSFER_EVENT = 32,
	TRB_COMMAND_EVENT = 33,
	TRB_PORT_EVENT = 34,
	TRB_HOST_EVENT = 37,
};
#define TRB_TYPE(type)  ((u32)(type) << 10)
#define TRB_TOGGLE      (1u << 1) /* of a link: the cycle bit changes */
#define TRB_SHORT       (1u << 2) /* an event also for less data than there is room for */
#define TRB_INTERRUPT   (1u << 5) /* an event when it is done */
#define TRB_IMMEDIATE   (1u << 6) /* the data is in the block */
#define TRB_IN          (1u << 16)
#define TRB_SLOT(slot)  ((u32)(slot) << 24)
#define TRB_ENDPOINT(e) ((u32)(e) << 16)
#define SETUP_HAS_OUT   (2u << 16)
#define SETUP_HAS_IN    (3u << 16)

#define CODE_SUCCESS      1
#define CODE_SHORT        13
#define CODE_RING_FULL    21 /* of the events */
#define CODE_RING_STOPPED 24

#define EP_CONTROL   1 /* device context index of endpoint 0 */
#define TYPE_CONTROL 4
#define TYPE_INT_IN  7

#define TRANSFER_NS (2 * NSEC_PER_SEC)

bool xhci_wait_for(const struct xhci *x, u32 reg, u32 mask, u32 value)
{
	u64 until = ktime_get() + XHCI_WAIT_NS;

	while ((op_read(x, reg) & mask) != value) {
		if (ktime_get() > until)
			return false;
		sleep_ns(NSEC_PER_MSEC);
	}
	return true;
}

/* ---- memory that the controller reads and writes ---- */

void *dma_page(void)
{
	struct page *p = alloc_pages(0, ALLOC_ZERO | ALLOC_DMA32);

	return p ? page_to_virt(p) : NULL;
}

void dma_free(void *page)
{
	if (page)
		put_page(virt_to_page(page));
}

/* ---- rings ---- */

bool ring_create(struct xhci_ring *r, bool links)
{
	*r = (struct xhci_ring){.trbs = dma_page(), .cycle = true};
	if (!r->trbs)
		return false;
	if (links) {
		r->trbs[RING_TRBS - 1].parameter = virt_to_phys(r->trbs);
		r->trbs[RING_TRBS - 1].control = TRB_TYPE(TRB_LINK) | TRB_TOGGLE;
	}
	return true;
}

/* Append a block. Its address. */
static phys_addr_t ring_put(struct xhci_ring *r, u64 parameter, u32 status, u32 control)
{
	struct xhci_trb *t = &r->trbs[r->at], *link = &r->trbs[RING_TRBS - 1];

	t->parameter = parameter;
	t->status = status;
	/* At last: the controller may look at any time. */
	__atomic_store_n(&t->control, control | r->cycle, __ATOMIC_RELEASE);
	if (++r->at == RING_TRBS - 1) {
		__atomic_store_n(&link->control, (link->control & ~TRB_CYCLE) | r->cycle,
				 __ATOMIC_RELEASE);
		r->at = 0;
		r->cycle = !r->cycle;
	}
	return virt_to_phys(t);
}

/* The blocks are in memory before the controller is told of them: x86 keeps stores in order. */
static void ring_doorbell(struct xhci *x, u8 slot, u32 endpoint)
{
	barrier();
	mmio_write32(x->doorbells + 4 * slot, endpoint);
}

/* ---- events ---- */

static void give_up(struct xhci *x, const char *why)
{
	if (x->running)
		pr_err("usb: controller %s: %s; it is not used any more\n", x->name, why);
	x->running = false;
	pci_disable(&x->pci);
}

static bool is_good(u8 code)
{
	return code == CODE_SUCCESS || code == CODE_SHORT;
}

static u32 interrupt_index(const struct usb_device *d)
{
	return d->found.endpoint * 2 + 1;
}

/* An error ends a control transfer at whichever of its blocks. */
static void control_event(struct xhci *x, const struct xhci_trb *e, u8 code)
{
	if (is_good(code) && e->parameter != x->request.trb)
		return;
	x->request.code = code;
	x->request.done = true;
}

/* Only the block that was queued counts: a controller cannot have more taken than was asked for. */
static void interrupt_event(struct usb_device *d, const struct xhci_trb *e, u8 code)
{
	u32 left = e->status & 0xffffff;

	if (!d->awaited || e->parameter != d->awaited)
		return;
	d->awaited = 0;
	if (!is_good(code)) {
		d->halted = true;
		return;
	}
	d->errors = 0;
	usb_received(d, d->found.max_packet - MIN(left, d->found.max_packet));
	xhci_listen(d);
}

static void transfer_event(struct xhci *x, const struct xhci_trb *e)
{
	u8 slot = e->control >> 24, endpoint = e->control >> 16 & 31, code = e->status >> 24;
	struct usb_device *d = slot <= x->nr_slots ? x->device[slot] : NULL;

	if (!d)
		return;
	if (endpoint == EP_CONTROL && slot == x->request.slot)
		control_event(x, e, code);
	else if (endpoint != EP_CONTROL && endpoint == interrupt_index(d))
		interrupt_event(d, e, code);
}

/* "The ring has stopped" names the block where it will go on: nothing has come of that one yet. */
static void command_event(struct xhci *x, const struct xhci_trb *e)
{
	u8 code = e->status >> 24;

	if (code == CODE_RING_STOPPED || x->request.slot || e->parameter != x->request.trb)
		return;
	x->request.code = code;
	x->request.result_slot = e->control >> 24;
	x->request.done = true;
}

/* Events that found no room are lost, and among them there may have been news of ports: 4.9.4. */
static void host_event(struct xhci *x, const struct xhci_trb *e)
{
	if (e->status >> 24 != CODE_RING_FULL)
		give_up(x, "it reports an error of its own");
	for (u32 port = 1; port <= x->nr_ports; port++)
		bitmap_set(x->changed, port);
}

static void take_event(struct xhci *x, const struct xhci_trb *e)
{
	u32 port;

	switch (e->control >> 10 & 63) {
	case TRB_TRANSFER_EVENT:
		transfer_event(x, e);
		break;
	case TRB_COMMAND_EVENT:
		command_event(x, e);
		break;
	case TRB_PORT_EVENT:
		port = e->parameter >> 24 & 0xff;
		if (port >= 1 && port <= x->nr_ports)
			bitmap_set(x->changed, port);
		break;
	case TRB_HOST_EVENT:
		host_event(x, e);
		break;
	}
}

/* The events of one round at most: a controller that writes more does not wait for us. */
static void take_events(struct xhci *x)
{
	struct xhci_ring *r = &x->events;

	for (u32 n = 0; n < RING_TRBS && x->running; n++) {
		const struct xhci_trb *t = &r->trbs[r->at];
		struct xhci_trb event;

		if ((__atomic_load_n(&t->control, __ATOMIC_ACQUIRE) & TRB_CYCLE) != r->cycle)
			break;
		x->news = true;
		event = *t; /* as it is now: the controller may change it later */
		if (++r->at == RING_TRBS) {
			r->at = 0;
			r->cycle = !r->cycle;
		}
		take_event(x, &event);
	}
}

/* The marks of an interrupt are cleared first, so that an event after the look causes another:
 * 4.17.2, 5.4.2. */
void xhci_poll(struct xhci *x)
{
	u32 status;

	if (!x->running)
		return;
	status = op_read(x, OP_STATUS);
	if (status == ~0u || (status & STATUS_FATAL)) {
		give_up(x, status == ~0u ? "it is gone" : "it has stopped");
		return;
	}
	op_write(x, OP_STATUS, STATUS_EVENT);
	mmio_write32(x->runtime + RUN_MANAGEMENT, IMAN_PENDING | IMAN_ENABLE);
	take_events(x);
	write_address(x->runtime + RUN_DEQUEUE,
		      virt_to_phys(&x->events.trbs[x->events.at]) | DEQUEUE_BUSY);
}

/* Wait for the end of the request. The completion code, 0: none came. */
static u8 await(struct xhci *x, u64 ns)
{
	u64 until = ktime_get() + ns;

	xhci_poll(x);
	while (!x->request.done && x->running && ktime_get() < until)
		usb_wait_for_event(until);
	x->request.trb = 0;
	x->request.slot = 0;
	return x->request.done && x->running ? x->request.code : 0;
}

static void begin(struct xhci *x, u8 slot)
{
	x->request.trb = 0; /* known when the last block is queued */
	x->request.slot = slot;
	x->request.done = false;
	x->request.result_slot = 0;
}

static void begin_command(struct xhci *x, u64 parameter, u32 control)
{
	begin(x, 0);
	x->request.trb = ring_put(&x->commands, parameter, 0, control);
	ring_doorbell(x, 0, 0);
}

/* Some device may keep the controller from ending a command: 4.6.1.2. The ring goes on behind it at
 * the next doorbell. False: the controller itself hangs. */
static bool abort_command(struct xhci *x)
{
	if (!(op_read(x, OP_RING) & RING_RUNNING))
		return false; /* and would take this for the ring's address */
	write_address(x->op + OP_RING, RING_ABORT);
	return xhci_wait_for(x, OP_RING, RING_RUNNING, 0);
}

static int end_command(struct xhci *x)
{
	u8 code = await(x, TRANSFER_NS);

	if (!code && x->running && !abort_command(x))
		give_up(x, "it does not answer a command");
	return code == CODE_SUCCESS ? 0 : -EIO;
}

static int command(struct xhci *x, u64 parameter, u32 control)
{
	if (!x->running)
		return -EIO;
	begin_command(x, parameter, control);
	return end_command(x);
}

void xhci_begin_greeting(struct xhci *x)
{
	begin_command(x, 0, TRB_TYPE(TRB_NOOP));
}

bool xhci_end_greeting(struct xhci *x)
{
	return await(x, TRANSFER_NS) == CODE_SUCCESS;
}

/* ---- contexts: 6.2 ---- */

/* In the input context, entry 0 says what the others are for; entry 1 is the slot's. */
static u32 *input(const struct usb_device *d, u32 index)
{
	return (u32 *)((char *)d->input + index * d->x->context_size);
}

static void begin_input(struct usb_device *d, u32 add)
{
	memset(d->input, 0, PAGE_SIZE);
	input(d, 0)[1] = add;
}

static void slot_context(struct usb_device *d, u32 entries)
{
	u32 *slot = input(d, 1);

	slot[0] = d->route | (u32)d->speed << 20 | entries << 27;
	slot[1] = (u32)d->root_port << 16;
	if (d->tt_hub)
		slot[2] = d->tt_hub->slot | (u32)d->tt_port << 8;
}

static void endpoint_context(struct usb_device *d, u32 index, u32 type, u16 max_packet,
			     u32 interval, const struct xhci_ring *r)
{
	u32 *ep = input(d, index + 1);
	u64 at = virt_to_phys(&r->trbs[r->at]) | r->cycle;

	ep[0] = interval << 16;
	ep[1] = 3u << 1 | type << 3 | (u32)max_packet << 16; /* three attempts */
	ep[2] = (u32)at;
	ep[3] = (u32)(at >> 32);
	ep[4] = type == TYPE_CONTROL ? 8 : (u32)max_packet | (u32)max_packet << 16;
}

static int with_input(struct usb_device *d, enum trb_type type)
{
	return command(d->x, virt_to_phys(d->input), TRB_TYPE(type) | TRB_SLOT(d->slot));
}

static u16 first_max_packet(enum usb_speed speed)
{
	return speed >= USB_SUPER ? 512 : speed == USB_HIGH ? 64 : 8;
}

/* A slot that is in use already would leave its device without one. */
static int enable_slot(struct usb_device *d)
{
	struct xhci *x = d->x;
	int err = command(x, 0, TRB_TYPE(TRB_ENABLE_SLOT));
	u8 slot = x->request.result_slot;

	if (err || !slot || slot > x->nr_slots || x->device[slot])
		return -EIO;
	d->slot = slot;
	x->device[slot] = d;
	x->contexts[slot] = virt_to_phys(d->context);
	return 0;
}

int xhci_address_device(struct usb_device *d)
{
	int err;

	d->context = dma_page();
	d->input = dma_page();
	d->buffer = dma_page();
	if (!d->context || !d->input || !d->buffer || !ring_create(&d->control, true) ||
	    !ring_create(&d->interrupt, true))
		return -ENOMEM;
	err = enable_slot(d);
	if (err)
		return err;
	begin_input(d, 3);
	slot_context(d, 1);
	endpoint_context(d, EP_CONTROL, TYPE_CONTROL, first_max_packet(d->speed), 0, &d->control);
	return with_input(d, TRB_ADDRESS_DEVICE);
}

int xhci_set_max_packet(struct usb_device *d, u16 max_packet)
{
	begin_input(d, 1u << EP_CONTROL);
	endpoint_context(d, EP_CONTROL, TYPE_CONTROL, max_packet, 0, &d->control);
	return with_input(d, TRB_EVALUATE_CONTEXT);
}

/* The power of two of microframes (125 us) between two questions: 6.2.3.6. */
static u32 interval_of(const struct usb_device *d)
{
	u32 interval = MAX(d->found.interval, 1u);

	if (d->speed >= USB_HIGH)
		return MIN(interval, 16u) - 1;
	return MIN(3 + 31 - (u32)__builtin_clz(interval), 10u);
}

int xhci_add_interrupt_endpoint(struct usb_device *d)
{
	u32 index = interrupt_index(d);

	begin_input(d, 1u | 1u << index);
	slot_context(d, index);
	endpoint_context(d, index, TYPE_INT_IN, d->found.max_packet, interval_of(d), &d->interrupt);
	return with_input(d, TRB_CONFIGURE_ENDPOINT);
}

int xhci_make_hub(struct usb_device *d, u8 think_time)
{
	u32 *slot = input(d, 1);

	begin_input(d, 1u);
	slot_context(d, interrupt_index(d));
	slot[0] |= 1u << 26;
	slot[1] |= (u32)d->nr_ports << 24;
	if (d->speed == USB_HIGH)
		slot[2] |= (u32)think_time << 16;
	return with_input(d, TRB_CONFIGURE_ENDPOINT);
}

/* A slot that stays enabled means pages that the controller may still write to. */
static void disable_slot(struct usb_device *d)
{
	struct xhci *x = d->x;

	if (command(x, 0, TRB_TYPE(TRB_DISABLE_SLOT) | TRB_SLOT(d->slot)))
		give_up(x, "it does not let go of a device");
	x->device[d->slot] = NULL;
	x->contexts[d->slot] = 0;
}

void xhci_release_device(struct usb_device *d)
{
	if (d->slot)
		disable_slot(d);
	dma_free(d->control.trbs);
	dma_free(d->interrupt.trbs);
	dma_free(d->buffer);
	dma_free(d->input);
	dma_free(d->context);
}

/* ---- transfers ---- */

/* After an error the endpoint goes on behind what was queued: 4.6.8, 4.6.10. One that is in the
 * state "error" is not reset, and refuses that. */
static int restart(struct usb_device *d, u32 index, struct xhci_ring *r)
{
	u32 where = TRB_SLOT(d->slot) | TRB_ENDPOINT(index);

	command(d->x, 0, TRB_TYPE(TRB_RESET_ENDPOINT) | where);
	return command(d->x, virt_to_phys(&r->trbs[r->at]) | r->cycle,
		       TRB_TYPE(TRB_SET_DEQUEUE) | where);
}

int xhci_restart_endpoint(struct usb_device *d)
{
	return restart(d, interrupt_index(d), &d->interrupt);
}

int xhci_control(struct usb_device *d, u64 setup, bool in, u16 len)
{
	struct xhci *x = d->x;
	struct xhci_ring *r = &d->control;
	u32 stage = !len ? 0 : in ? SETUP_HAS_IN : SETUP_HAS_OUT;
	u8 code;

	if (!x->running || d->mute)
		return -EIO;
	begin(x, d->slot);
	ring_put(r, setup, 8, TRB_TYPE(TRB_SETUP) | TRB_IMMEDIATE | stage);
	if (len)
		ring_put(r, virt_to_phys(d->buffer), len, TRB_TYPE(TRB_DATA) | (in ? TRB_IN : 0));
	x->request.trb =
		ring_put(r, 0, 0, TRB_TYPE(TRB_STATUS) | TRB_INTERRUPT | (in && len ? 0 : TRB_IN));
	ring_doorbell(x, d->slot, EP_CONTROL);
	code = await(x, TRANSFER_NS);
	if (is_good(code))
		return 0;
	d->mute = !code || restart(d, EP_CONTROL, r);
	return -EIO;
}

void xhci_listen(struct usb_device *d)
{
	d->awaited =
		ring_put(&d->interrupt, virt_to_phys(d->buffer) + USB_CONTROL_MAX,
			 d->found.max_packet, TRB_TYPE(TRB_NORMAL) | TRB_INTERRUPT | TRB_SHORT);
	ring_doorbell(d->x, d->slot, interrupt_index(d));
}

/* ---- ports ---- */

static void port_write(struct xhci *x, u8 port, u32 bits)
{
	op_write(x, OP_PORT(port), (op_read(x, OP_PORT(port)) & PORT_KEEP) | bits);
}

/* A port of USB 3 enables itself when it has found a device; one of USB 2 by a reset: 4.3. */
static bool enable_port(struct xhci *x, u8 port)
{
	u32 status = op_read(x, OP_PORT(port));
	bool super = PORT_SPEED(status) >= USB_SUPER;

	if (status & PORT_ENABLED)
		return true;
	port_write(x, port, super ? PORT_WARM_RESET : PORT_RESET);
	if (!xhci_wait_for(x, OP_PORT(port), PORT_C_RESET, PORT_C_RESET))
		return false;
	port_write(x, port, PORT_CHANGES & ~PORT_C_CONNECT);
	sleep_ns(10 * NSEC_PER_MSEC);
	return op_read(x, OP_PORT(port)) & PORT_ENABLED;
}

static void attach_at(struct xhci *x, u8 port)
{
	u32 speed;

	sleep_ns(100 * NSEC_PER_MSEC); /* the plug may still be moving */
	if (!(op_read(x, OP_PORT(port)) & PORT_CONNECTED))
		return; /* and this is news again */
	if (!enable_port(x, port)) {
		usb_port_failed(x, NULL, port, "cannot be enabled");
		return;
	}
	speed = PORT_SPEED(op_read(x, OP_PORT(port)));
	if (speed >= USB_FULL)
		usb_attach(x, NULL, port, MIN(speed, (u32)USB_SUPER));
}

void xhci_port(struct xhci *x, u8 port)
{
	u32 status = op_read(x, OP_PORT(port));

	port_write(x, port, status & PORT_CHANGES);
	if (usb_port_news(x, NULL, port, status & PORT_CONNECTED, status & PORT_ENABLED,
			  status & PORT_C_CONNECT))
		attach_at(x, port);
}
