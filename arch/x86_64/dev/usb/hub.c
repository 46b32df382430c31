/* Hubs: USB 2.0, chapter 11; USB 3.2, chapter 10. */
#include "arch/x86_64/dev/usb/xhci.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/uapi.h"
#include "kernel/time/timer.h"

#define GET_STATUS     0
#define CLEAR_FEATURE  1
#define SET_FEATURE    3
#define GET_DESCRIPTOR 6
#define SET_HUB_DEPTH  12

#define HUB_DESCRIPTOR       (0x29u << 8)
#define HUB_DESCRIPTOR_SUPER (0x2au << 8)

#define FEATURE_RESET          4
#define FEATURE_POWER          8
#define FEATURE_C_POWER        0
#define FEATURE_C_OVER_CURRENT 1

/* What has changed: bits of the upper half of the port's status. */
#define CHANGE_CONNECTION (1u << 16)
#define CHANGE_RESET      (1u << 20)

#define CONNECTED  (1u << 0)
#define ENABLED    (1u << 1)
#define LOW_SPEED  (1u << 9)
#define HIGH_SPEED (1u << 10)

/* The port's status, and in the upper half what has changed. A hub that does not say is left alone:
 * with 15 ports and seconds for each it could keep the thread busy. */
static bool port_status(struct usb_device *d, u8 port, u32 *status)
{
	u8 text[4] = {0};

	d->mute |= usb_control(d, USB_IN | USB_CLASS | USB_TO_PORT, GET_STATUS, 0, port, text,
			       sizeof(text)) != 0;
	*status = text[0] | (u32)text[1] << 8 | (u32)text[2] << 16 | (u32)text[3] << 24;
	return !d->mute;
}

static int port_feature(struct usb_device *d, u8 request, u16 feature, u8 port)
{
	return usb_control(d, USB_CLASS | USB_TO_PORT, request, feature, port, NULL, 0);
}

/* The feature that clears change n: USB 2.0, table 11-17; USB 3.2, table 10-17, which gives three
 * of them numbers of their own. */
static u16 change_feature(const struct usb_device *d, u16 n)
{
	static const u8 super[] = {[5] = 29, [6] = 25, [7] = 26};

	if (d->speed >= USB_SUPER && n >= 5 && n < sizeof(super))
		return super[n];
	return 16 + n;
}

static void clear_changes(struct usb_device *d, u8 port, u32 status)
{
	for (u16 n = 0; n < 16; n++)
		if (status >> 16 & 1u << n)
			port_feature(d, CLEAR_FEATURE, change_feature(d, n), port);
}

static enum usb_speed port_speed(const struct usb_device *d, u32 status)
{
	if (d->speed >= USB_SUPER)
		return d->speed;
	if (status & LOW_SPEED)
		return USB_LOW;
	return status & HIGH_SPEED ? USB_HIGH : USB_FULL;
}

/* The status after a reset, or 0. A change of the connection stays: the hub reports it again. */
static u32 reset_port(struct usb_device *d, u8 port)
{
	u32 status;

	if (port_feature(d, SET_FEATURE, FEATURE_RESET, port))
		return 0;
	for (int i = 0; i < 40; i++) {
		sleep_ns(20 * NSEC_PER_MSEC);
		if (!port_status(d, port, &status))
			return 0;
		if (!(status & CHANGE_RESET))
			continue;
		clear_changes(d, port, status & ~CHANGE_CONNECTION);
		return status & ENABLED && !(status & CHANGE_CONNECTION) ? status : 0;
	}
	return 0;
}

static void attach_behind(struct usb_device *d, u8 port)
{
	u32 status;

	sleep_ns(100 * NSEC_PER_MSEC); /* the plug may still be moving: 7.1.7.3 */
	if (!port_status(d, port, &status) || !(status & CONNECTED))
		return; /* and this is news again */
	status = reset_port(d, port);
	if (!status) {
		usb_port_failed(d->x, d, port, "cannot be reset");
		return;
	}
	sleep_ns(10 * NSEC_PER_MSEC);
	usb_attach(d->x, d, port, port_speed(d, status));
}

static void look_at_port(struct usb_device *d, u8 port)
{
	u32 status;

	if (!port_status(d, port, &status))
		return;
	clear_changes(d, port, status);
	if (usb_port_news(d->x, d, port, status & CONNECTED, status & ENABLED,
			  status & CHANGE_CONNECTION))
		attach_behind(d, port);
}

/* Else the hub would report the same change for ever: USB 2.0, 11.24.2.1. */
static void clear_hub_changes(struct usb_device *d)
{
	usb_control(d, USB_CLASS, CLEAR_FEATURE, FEATURE_C_POWER, 0, NULL, 0);
	usb_control(d, USB_CLASS, CLEAR_FEATURE, FEATURE_C_OVER_CURRENT, 0, NULL, 0);
}

void hub_look(struct usb_device *d)
{
	u32 changed = d->changed;

	d->changed = 0;
	if (d->mute)
		return;
	if (changed & 1)
		clear_hub_changes(d);
	for (u8 port = 1; port <= d->nr_ports && !d->mute; port++)
		if (changed & 1u << port)
			look_at_port(d, port);
	if (d->mute && d->x->running)
		pr_warn("usb: the hub at %s, port %u does not answer: its ports are not looked at any more\n",
			d->x->name, d->root_port);
}

int hub_start(struct usb_device *d)
{
	bool super = d->speed >= USB_SUPER;
	u8 text[12] = {0};

	if (usb_control(d, USB_IN | USB_CLASS, GET_DESCRIPTOR,
			super ? HUB_DESCRIPTOR_SUPER : HUB_DESCRIPTOR, 0, text, sizeof(text)))
		return -EIO;
	d->nr_ports = MIN(text[2], HUB_MAX_PORTS);
	if (super && usb_control(d, USB_CLASS, SET_HUB_DEPTH, d->depth, 0, NULL, 0))
		return -EIO;
	if (xhci_make_hub(d, text[3] >> 5 & 3))
		return -EIO;
	for (u8 port = 1; port <= d->nr_ports; port++)
		if (port_feature(d, SET_FEATURE, FEATURE_POWER, port))
			return -EIO;
	sleep_ns(MAX(text[5] * 2UL, 100UL) * NSEC_PER_MSEC);
	d->changed = (2u << d->nr_ports) - 2;
	return 0;
}
