/* USB devices, and the thread that serves them. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/dev/irq/intc.h"
#include "arch/x86_64/dev/usb/xhci.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/tunable.h"
#include "kernel/lib/uapi.h"
#include "kernel/sched/wait_queue.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "mm/slab.h"

#define GET_DESCRIPTOR    6
#define SET_CONFIGURATION 9
#define DEVICE            (1u << 8)
#define CONFIGURATION     (2u << 8)

#define MAX_CONTROLLERS 8
#define MAX_ERRORS      8  /* of an interrupt endpoint in a row */
#define MAX_FAILURES    16 /* of a port in a row */
#define POLL_NS         (8 * NSEC_PER_MSEC)
#define SCAN_NS         (3 * NSEC_PER_SEC)
#define XHCI_CLASS      0x0c0330

static long usb_on = 1;
TUNABLE_AT_BOOT(usb_on, "usb", usb_on, 0, 1, NULL, "0: leave USB controllers to the firmware");

/* Written by the thread alone; those marked are read by others too. */
static struct xhci controllers[MAX_CONTROLLERS]; /* .running: others */
static struct pci_function found[MAX_CONTROLLERS];
static u32 nr_controllers; /* others: written before there is a thread */
static u32 nr_keyboards;   /* others */
static bool scanned;       /* others: all that was plugged in at boot is known */

/* Written by the interrupt handler on the first CPU. */
static u32 nr_interrupts;
static bool pending; /* since the thread looked, which clears it */
static struct wait_queue wakes = WAIT_QUEUE_INIT(wakes); /* the thread; arch_usb_wait() */

/* ---- interrupts ---- */

static void usb_interrupt(struct pt_regs *regs __maybe_unused)
{
	irq_eoi(0);
	WRITE_ONCE(nr_interrupts, nr_interrupts + 1);
	WRITE_ONCE(pending, true);
	wake_up_all(&wakes);
}

/* Also those of other controllers, whose interrupt it may have been: a key that is typed there does
 * not wait for the end of a request here. */
void usb_wait_for_event(u64 until)
{
	u64 poll = ktime_get() + POLL_NS;

	/* Interrupts may not arrive: a wait inside a request is never longer than this. */
	wait_event_until(&wakes, READ_ONCE(pending), MIN(until, poll));
	WRITE_ONCE(pending, false);
	for (u32 i = 0; i < nr_controllers; i++)
		xhci_poll(&controllers[i]);
}

/* ---- devices ---- */

int usb_control(struct usb_device *d, u8 type, u8 request, u16 value, u16 index, void *data,
		u16 len)
{
	u64 setup = type | (u64)request << 8 | (u64)value << 16 | (u64)index << 32 | (u64)len << 48;
	bool in = type & USB_IN;
	int err;

	memset(d->buffer, 0, USB_CONTROL_MAX);
	if (!in && len)
		memcpy(d->buffer, data, len);
	err = xhci_control(d, setup, in, len);
	if (!err && in && len)
		memcpy(data, d->buffer, len);
	return err;
}

static int get_descriptor(struct usb_device *d, u16 which, void *data, u16 len)
{
	return usb_control(d, USB_IN, GET_DESCRIPTOR, which, 0, data, len);
}

/* The first eight bytes say how long packets to endpoint 0 may be. */
static int learn_max_packet(struct usb_device *d)
{
	u8 text[8];
	int err = get_descriptor(d, DEVICE, text, sizeof(text));

	if (err || d->speed != USB_FULL || text[7] == 8)
		return err;
	if (text[7] != 16 && text[7] != 32 && text[7] != 64)
		return -EIO;
	return xhci_set_max_packet(d, text[7]);
}

static int configure(struct usb_device *d)
{
	u8 head[9], *text;
	u16 len;
	bool useful;

	if (get_descriptor(d, CONFIGURATION, head, sizeof(head)))
		return -EIO;
	len = MIN((u16)(head[2] | head[3] << 8), USB_CONTROL_MAX);
	text = kmalloc(USB_CONTROL_MAX);
	if (!text)
		return -ENOMEM;
	useful = !get_descriptor(d, CONFIGURATION, text, len) &&
		 usb_parse_configuration(text, len, &d->found);
	kfree(text);
	if (!useful)
		return -ENODEV;
	if (xhci_add_interrupt_endpoint(d)) /* before the device has it: xHCI 4.3.5 */
		return -EIO;
	return usb_control(d, 0, SET_CONFIGURATION, d->found.configuration, 0, NULL, 0);
}

static const char *kind_name(const struct usb_device *d)
{
	return d->found.kind == USB_HUB ? "hub" : "keyboard";
}

static void set_started(struct usb_device *d, bool started)
{
	if (d->found.kind == USB_KEYBOARD && started != d->started)
		WRITE_ONCE(nr_keyboards, nr_keyboards + (started ? 1 : -1));
	d->started = started;
}

static int start_device(struct usb_device *d)
{
	u8 text[18];
	int err = xhci_address_device(d);

	if (err)
		return err;
	sleep_ns(2 * NSEC_PER_MSEC); /* 9.2.6.3 */
	if (learn_max_packet(d) || get_descriptor(d, DEVICE, text, sizeof(text)))
		return -EIO;
	err = configure(d);
	if (err)
		return err;
	if (d->found.kind == USB_HUB && hub_start(d))
		return -EIO;
	if (d->found.kind == USB_KEYBOARD)
		keyboard_start(d);
	if (!d->x->running)
		return -EIO;
	set_started(d, true);
	pr_info("usb: %s at %s, port %u: %02x%02x:%02x%02x\n", kind_name(d), d->x->name,
		d->root_port, text[9], text[8], text[11], text[10]);
	xhci_listen(d);
	return 0;
}

/* Where the device is, as the controller has to know it: xHCI 8.9, and 6.2.2 for the translator. */
static void set_place(struct usb_device *d, struct usb_device *hub, u8 port)
{
	d->hub = hub;
	d->port = port;
	d->root_port = hub ? hub->root_port : port;
	if (!hub)
		return;
	d->depth = hub->depth + 1;
	d->route = hub->route | (u32)port << 4 * hub->depth;
	if (d->speed > USB_LOW)
		return;
	d->tt_hub = hub->speed == USB_HIGH ? hub : hub->tt_hub;
	d->tt_port = hub->speed == USB_HIGH ? port : hub->tt_port;
}

/* With all that is behind it. */
static void detach(struct usb_device *d)
{
	struct xhci *x = d->x;

	if (d->started)
		pr_info("usb: %s at %s, port %u has gone\n", kind_name(d), x->name, d->root_port);
	set_started(d, false);
	for (u32 slot = 1; slot <= x->nr_slots; slot++)
		if (x->device[slot] && x->device[slot]->hub == d)
			detach(x->device[slot]);
	xhci_release_device(d);
	kfree(d);
}

static int attach(struct xhci *x, struct usb_device *hub, u8 port, enum usb_speed speed)
{
	struct usb_device *d;
	int err;

	if (hub && hub->depth >= USB_MAX_DEPTH)
		return -ENODEV;
	d = kzalloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->x = x;
	d->speed = speed;
	set_place(d, hub, port);
	err = start_device(d);
	if (err)
		detach(d);
	return err;
}

void usb_attach(struct xhci *x, struct usb_device *hub, u8 port, enum usb_speed speed)
{
	int err = attach(x, hub, port, speed);

	if (err == -ENOMEM)
		usb_port_failed(x, hub, port, "there is no memory for its device");
	else if (err && err != -ENODEV && x->running)
		usb_port_failed(x, hub, port, "its device does not answer as it should");
}

/* ---- ports ---- */

static struct usb_port *port_of(struct xhci *x, struct usb_device *hub, u8 port)
{
	return hub ? &hub->ports[port] : &x->ports[port];
}

struct usb_device *usb_device_at(const struct xhci *x, const struct usb_device *hub, u8 port)
{
	for (u32 slot = 1; slot <= x->nr_slots; slot++) {
		struct usb_device *d = x->device[slot];

		if (d && d->hub == hub && d->port == port)
			return d;
	}
	return NULL;
}

void usb_port_failed(struct xhci *x, struct usb_device *hub, u8 port, const char *why)
{
	struct usb_port *p = port_of(x, hub, port);

	p->failures++;
	pr_warn("usb: %s, port %u%s: %s%s\n", x->name, port, hub ? " of a hub" : "", why,
		p->failures > MAX_FAILURES ? "; it is left alone from now on" : "");
}

/* A port that is not enabled any more, while its device is still there, was switched off after an
 * error: that counts as a failure, so that it does not go on for ever. */
bool usb_port_news(struct xhci *x, struct usb_device *hub, u8 port, bool connected, bool enabled,
		   bool replugged)
{
	struct usb_port *p = port_of(x, hub, port);
	struct usb_device *there = usb_device_at(x, hub, port);
	bool switched_off = there && connected && !enabled && !replugged;

	if (switched_off)
		usb_port_failed(x, hub, port, "it was switched off after an error");
	if (!connected || replugged || switched_off) {
		p->tried = false;
		if (there)
			detach(there);
	}
	if (!connected || p->tried || p->failures > MAX_FAILURES || !x->running)
		return false;
	p->tried = true;
	return true;
}

/* Called for each report of the interrupt endpoint: a device that has sent one works. */
void usb_received(struct usb_device *d, size_t len)
{
	const u8 *data = d->buffer + USB_CONTROL_MAX;

	if (!d->started)
		return;
	port_of(d->x, d->hub, d->port)->failures = 0;
	if (d->found.kind == USB_KEYBOARD)
		keyboard_report(&d->keyboard, data, len);
	for (size_t i = 0; d->found.kind == USB_HUB && i < MIN(len, sizeof(d->changed)); i++)
		d->changed |= (u32)data[i] << 8 * i;
}

/* ---- the thread ---- */

static void recover(struct usb_device *d)
{
	d->halted = false;
	if (++d->errors <= MAX_ERRORS && !xhci_restart_endpoint(d))
		xhci_listen(d);
	else if (d->x->running)
		pr_warn("usb: a device at %s, port %u sends errors: it is left alone until it is plugged in again\n",
			d->x->name, d->root_port);
}

/* Returns when the device has something to do next. */
static u64 serve_device(struct usb_device *d, u64 now)
{
	if (d->halted)
		recover(d);
	if (d->found.kind == USB_HUB && d->changed)
		hub_look(d);
	if (d->found.kind != USB_KEYBOARD)
		return TIME_FOREVER;
	keyboard_lights(d);
	return keyboard_repeat(&d->keyboard, now);
}

/* Each port once a round: one with a loose contact does not keep the others waiting. */
static u64 serve(struct xhci *x)
{
	u64 next = TIME_FOREVER;

	xhci_poll(x);
	x->news = false;
	for (u32 port = 1; x->running && port <= x->nr_ports; port++)
		if (bitmap_test(x->changed, port)) {
			bitmap_clear(x->changed, port);
			xhci_port(x, (u8)port);
		}
	for (u32 slot = 1; x->running && slot <= x->nr_slots; slot++)
		if (x->device[slot])
			next = MIN(next, serve_device(x->device[slot], ktime_get()));
	return next;
}

static void note_controller(const struct pci_function *f, void *unused __maybe_unused)
{
	if (f->class == XHCI_CLASS && nr_controllers < MAX_CONTROLLERS)
		found[nr_controllers++] = *f;
}

/* A controller that has done what it was asked to without an interrupt is polled. */
static void start_controller(struct xhci *x, const struct pci_function *f)
{
	u32 before = READ_ONCE(nr_interrupts);
	bool msi;

	pci_enable(f); /* which lets the table of messages be written, too */
	msi = pci_use_msi(f, XHCI_VECTOR);
	if (xhci_start(x, f) != 0)
		return;
	x->polled = READ_ONCE(nr_interrupts) == before;
	pr_info("usb: xHCI controller %s, ports: %u%s%s\n", x->name, x->nr_ports,
		msi && x->polled ? "; its interrupts do not arrive" : "",
		x->polled ? "; polled" : "");
}

/* When there is something to do next. */
static u64 serve_all(void)
{
	u64 next = TIME_FOREVER;

	for (u32 i = 0; i < nr_controllers; i++) {
		struct xhci *x = &controllers[i];

		if (x->running)
			next = MIN(next, serve(x));
		if (x->running && x->polled)
			next = MIN(next, ktime_get() + POLL_NS);
	}
	return next;
}

/* During a transfer: what was served before does not know of it. */
static bool news_came(void)
{
	for (u32 i = 0; i < nr_controllers; i++)
		if (controllers[i].running && controllers[i].news)
			return true;
	return false;
}

int arch_usb_main(void *unused __maybe_unused)
{
	irq_set_handler(XHCI_VECTOR, usb_interrupt);
	for (u32 i = 0; i < nr_controllers; i++)
		start_controller(&controllers[i], &found[i]);
	for (;;) {
		u64 next;

		WRITE_ONCE(pending, false);
		next = serve_all();
		if (news_came())
			continue;
		if (!scanned) {
			WRITE_ONCE(scanned, true);
			wake_up_all(&wakes);
		}
		wait_event_until(&wakes, READ_ONCE(pending), next);
	}
}

bool arch_usb_find(void)
{
	if (usb_on)
		pci_foreach(note_controller, NULL);
	return nr_controllers;
}

bool arch_has_usb(void)
{
	for (u32 i = 0; i < nr_controllers; i++)
		if (READ_ONCE(controllers[i].running))
			return true;
	return false;
}

void arch_usb_wait(void)
{
	u64 until = ktime_get() + SCAN_NS;

	wait_event_until(&wakes, READ_ONCE(scanned), until);
}

bool usb_has_keyboard(void)
{
	return READ_ONCE(nr_keyboards);
}
