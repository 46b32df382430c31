/* Reading configuration descriptors: USB 2.0, 9.6. */
#include "arch/x86_64/dev/usb/usb.h"

#define CONFIGURATION 2
#define INTERFACE     4
#define ENDPOINT      5

#define CLASS_HID     3
#define SUBCLASS_BOOT 1
#define PROTO_KEYS    1
#define CLASS_HUB     9

#define MAX_PACKET 1024

static enum usb_kind kind_of(const u8 *interface)
{
	u8 class = interface[5], subclass = interface[6], protocol = interface[7];

	if (interface[3] != 0) /* an alternate setting, which would have to be selected */
		return USB_OTHER;
	if (class == CLASS_HID && subclass == SUBCLASS_BOOT && protocol == PROTO_KEYS)
		return USB_KEYBOARD;
	return class == CLASS_HUB ? USB_HUB : USB_OTHER;
}

static bool use_endpoint(struct usb_found *found, const u8 *endpoint)
{
	u16 max_packet = (u16)(endpoint[4] | (endpoint[5] & 7) << 8);
	bool in = endpoint[2] & 0x80, interrupt = (endpoint[3] & 3) == 3;

	if (!in || !interrupt || !(endpoint[2] & 0xf) || !max_packet || max_packet > MAX_PACKET)
		return false;
	found->endpoint = endpoint[2] & 0xf;
	found->max_packet = max_packet;
	found->interval = endpoint[6];
	return true;
}

bool usb_parse_configuration(const u8 *data, size_t len, struct usb_found *found)
{
	*found = (struct usb_found){.kind = USB_OTHER};
	for (size_t at = 0; len - at >= 2; at += data[at]) {
		const u8 *d = data + at;

		if (d[0] < 2 || d[0] > len - at)
			return false;
		if (d[1] == CONFIGURATION && d[0] >= 9)
			found->configuration = d[5];
		if (d[1] == INTERFACE && d[0] >= 9) {
			found->kind = kind_of(d);
			found->interface = d[2];
		}
		if (d[1] == ENDPOINT && d[0] >= 7 && found->kind != USB_OTHER &&
		    use_endpoint(found, d))
			return true;
	}
	return false;
}
