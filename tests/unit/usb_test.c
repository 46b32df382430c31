/* Configuration descriptors, as devices send them and as hostile ones might. */
#include "tests/unit/host.h"

#include "arch/x86_64/dev/usb/descriptor.c"

static const u8 keyboard[] = {
	9, 2,    59,   0, 2, 1, 0,    0xa0, 50, /* configuration 1, two interfaces */
	9, 4,    0,    0, 1, 3, 1,    1,    0,  /* a boot keyboard */
	9, 0x21, 0x11, 1, 0, 1, 0x22, 63,   0,  /* its HID descriptor */
	7, 5,    0x81, 3, 8, 0, 10,             /* interrupt IN, 8 bytes, 10 ms */
	9, 4,    1,    0, 1, 3, 1,    2,    0,  /* a mouse */
	9, 0x21, 0x11, 1, 0, 1, 0x22, 52,   0,  7, 5, 0x82, 3, 4, 0, 10,
};
static const u8 hub[] = {
	9, 2, 25, 0, 1, 1, 0, 0xe0, 0, 9, 4, 0, 0, 1, 9, 0, 0, 0, 7, 5, 0x81, 3, 2, 0, 0xff,
};

/* In memory of exactly this size, so that the sanitizer sees any byte read past the end. */
static bool parse(const u8 *data, size_t len, struct usb_found *found)
{
	u8 *copy = malloc(len ? len : 1);
	bool ok;

	memcpy(copy, data, len);
	ok = usb_parse_configuration(copy, len, found);
	free(copy);
	return ok;
}

static void check_found(const u8 *data, size_t len, const struct usb_found *wanted)
{
	struct usb_found f;

	CHECK(parse(data, len, &f));
	CHECK_EQ(f.kind, wanted->kind);
	CHECK_EQ(f.configuration, wanted->configuration);
	CHECK_EQ(f.interface, wanted->interface);
	CHECK_EQ(f.endpoint, wanted->endpoint);
	CHECK_EQ(f.max_packet, wanted->max_packet);
	CHECK_EQ(f.interval, wanted->interval);
}

TEST(a_keyboard_beside_a_mouse)
{
	check_found(keyboard, sizeof(keyboard),
		    &(struct usb_found){.kind = USB_KEYBOARD,
					.configuration = 1,
					.endpoint = 1,
					.max_packet = 8,
					.interval = 10});
}

TEST(a_hub)
{
	check_found(hub, sizeof(hub),
		    &(struct usb_found){.kind = USB_HUB,
					.configuration = 1,
					.endpoint = 1,
					.max_packet = 2,
					.interval = 255});
}

TEST(the_second_interface)
{
	u8 text[sizeof(keyboard)];
	struct usb_found f;

	memcpy(text, keyboard, sizeof(text));
	text[16] = 2; /* the first is a mouse too */
	CHECK(!parse(text, sizeof(text), &f));
	text[41] = 1;
	CHECK(parse(text, sizeof(text), &f));
	CHECK_EQ(f.interface, 1);
	CHECK_EQ(f.endpoint, 2);
}

TEST(cut_short_anywhere)
{
	struct usb_found f;

	for (size_t len = 0; len < 34; len++)
		CHECK(!parse(keyboard, len, &f));
	CHECK(parse(keyboard, 34, &f));
}

/* A length of 0 would be an endless loop, an endpoint 0 or a packet of 0 or too many bytes
 * nonsense. */
TEST(nonsense_is_refused)
{
	static const struct {
		u8 at, value;
	} changes[] = {{9, 0}, {9, 1}, {9, 200}, {29, 0x80}, {29, 0x01}, {30, 2}, {31, 0}, {32, 7}};
	struct usb_found f;

	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		u8 text[34];

		memcpy(text, keyboard, sizeof(text));
		text[changes[i].at] = changes[i].value;
		CHECK(!parse(text, sizeof(text), &f));
	}
}

TEST(random_bytes)
{
	for (int i = 0; i < 200000; i++) {
		u8 text[96];
		size_t len = host_random_below(sizeof(text) + 1);
		struct usb_found f;

		memcpy(text, keyboard, sizeof(keyboard));
		for (int k = host_random_below(12); k >= 0; k--)
			text[host_random_below(sizeof(text))] = (u8)host_random_below(256);
		if (parse(text, len, &f))
			CHECK(f.kind != USB_OTHER && f.endpoint >= 1 && f.endpoint <= 15 &&
			      f.max_packet >= 1 && f.max_packet <= 1024);
	}
}

TEST_MAIN
