/*
 * USB keyboards: controllers, devices, hubs.
 *
 * One kernel thread, arch_usb_main(), does all of it: it may sleep in a transfer, and nothing here
 * needs a lock. An interrupt only wakes the thread; the few variables that others look at are
 * marked in usb.c. Universal Serial Bus Specification 2.0, chapters 9 and 11.
 *
 * A device lives in xhci.device[] from the moment it has a slot until it is detached. Only serve()
 * and what it calls for a port attach and detach, a hub's ports never the hub itself; events that
 * come during a transfer are noted and served later. So no pointer to a device is lost while it is
 * used.
 */
#pragma once

#include "arch/x86_64/dev/console/keyboard.h"
#include "kernel/lib/types.h"

/* As the controller's registers have them: xHCI 7.2.1. */
enum usb_speed {
	USB_FULL = 1,
	USB_LOW = 2,
	USB_HIGH = 3,
	USB_SUPER = 4,
};

#define USB_MAX_DEPTH 5  /* hubs in a row */
#define HUB_MAX_PORTS 15 /* a route has four bits for each */

enum usb_kind {
	USB_OTHER,
	USB_KEYBOARD,
	USB_HUB,
};

/* What a configuration is good for: one interface with an interrupt endpoint. */
struct usb_found {
	enum usb_kind kind;
	u8 configuration, interface, endpoint;
	u16 max_packet;
	u8 interval; /* as in the descriptor */
};

struct usb_keyboard {
	struct keymap keymap;
	u8 report[8];    /* the last one */
	u8 repeats;      /* usage of the key that repeats, 0: none */
	u64 next_repeat; /* monotonic */
	bool caps_shown; /* the light is on */
};

/* Transfer request blocks in one page, the last of which leads back to the first. */
struct xhci_ring {
	struct xhci_trb *trbs;
	u32 at;
	bool cycle; /* the bit that marks new blocks in this round */
};

/* A port of a controller or of a hub. */
struct usb_port {
	bool tried; /* what is plugged in has been looked at: only a change leads to another look */
	u8 failures; /* in a row: a broken plug must not keep the thread busy for ever */
};

struct usb_device {
	struct xhci *x;
	struct usb_device *hub; /* NULL: at a port of the controller */
	u8 port, root_port;     /* from 1 */
	u8 depth;               /* hubs on the way */
	u32 route;
	enum usb_speed speed;
	struct usb_device *tt_hub; /* translates for a slow device; NULL: none needed */
	u8 tt_port;

	u8 slot;
	void *context, *input; /* a page each, for the controller */
	u8 *buffer; /* a page: data of control transfers, then of the interrupt endpoint */
	struct xhci_ring control, interrupt;
	phys_addr_t awaited; /* block queued at the interrupt endpoint; 0: none */
	u8 errors;           /* of the interrupt endpoint in a row */
	bool halted;         /* it stopped by an error */
	bool mute;           /* a control transfer has no end: there is no other */
	bool started;        /* and counted, if it is a keyboard */

	struct usb_found found;
	struct usb_keyboard keyboard;
	u8 nr_ports; /* of a hub */
	u32 changed; /* bit n: port n has news; bit 0: the hub itself */
	struct usb_port ports[HUB_MAX_PORTS + 1]; /* from 1 */
};

bool usb_has_keyboard(void);

/* ---- descriptor.c: pure ---- */
/* Look for a boot keyboard or a hub in a configuration descriptor with what follows it. Reads only
 * [data, data + len), whatever a device put there. False: neither. */
bool usb_parse_configuration(const u8 *data, size_t len, struct usb_found *found);

/* ---- usb.c: devices ---- */
/* A control transfer: USB 2.0, 9.3. Reads or writes `len` bytes, at most USB_CONTROL_MAX. 0; -EIO.
 */
#define USB_CONTROL_MAX 2048
#define USB_IN          0x80
#define USB_CLASS       0x20
#define USB_INTERFACE   0x01
#define USB_TO_PORT     0x03 /* "other" */
int usb_control(struct usb_device *d, u8 type, u8 request, u16 value, u16 index, void *data,
		u16 len);
struct usb_device *usb_device_at(const struct xhci *x, const struct usb_device *hub, u8 port);
/* A port has told its state. Detaches a device that has gone. True: attach the one that is there.
 */
bool usb_port_news(struct xhci *x, struct usb_device *hub, u8 port, bool connected, bool enabled,
		   bool replugged);
/* Attach what is behind this port, which is enabled. */
void usb_attach(struct xhci *x, struct usb_device *hub, u8 port, enum usb_speed speed);
/* It cannot be attached. */
void usb_port_failed(struct xhci *x, struct usb_device *hub, u8 port, const char *why);
/* The interrupt endpoint has sent `len` bytes to d->buffer + USB_CONTROL_MAX. */
void usb_received(struct usb_device *d, size_t len);

/* ---- hid.c ---- */
/* Boot protocol, no repeats by the device. Errors are ignored: some keyboards know no other. */
void keyboard_start(struct usb_device *d);
void keyboard_report(struct usb_keyboard *k, const u8 *report, size_t len);
/* Types a key that is held; returns when the next one is due, TIME_FOREVER: none. */
u64 keyboard_repeat(struct usb_keyboard *k, u64 now);
void keyboard_lights(struct usb_device *d);

/* ---- hub.c ---- */
int hub_start(struct usb_device *d);
void hub_look(struct usb_device *d); /* at the ports with news */
