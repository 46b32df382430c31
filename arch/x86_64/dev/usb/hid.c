/* Keyboards in the boot protocol: Device Class Definition for HID 1.11, appendix B; HID Usage
 * Tables, chapter 10. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/dev/usb/usb.h"
#include "kernel/lib/string.h"
#include "kernel/time/timer.h"

#define SET_REPORT   0x09
#define SET_IDLE     0x0a
#define SET_PROTOCOL 0x0b
#define OUTPUT       (2u << 8)
#define LIGHT_CAPS   (1u << 1)

#define FIRST_KEY     0x04
#define CAPS_LOCK     0x39 /* does not repeat: it would go on and off */
#define ROLLOVER      0x01 /* more keys are held than the report can tell */
#define REPEAT_DELAY  (500 * NSEC_PER_MSEC)
#define REPEAT_PERIOD (33 * NSEC_PER_MSEC)

/* From usages to scan codes of set 1, which keymap.c knows. E: with 0xe0 in front; 0: no key that
 * it knows. */
#define E 0x80
static const u8 scan_codes[] = {
	[0x04] = 0x1e,
	0x30,
	0x2e,
	0x20,
	0x12,
	0x21,
	0x22,
	0x23,
	0x17, /* a … i */
	0x24,
	0x25,
	0x26,
	0x32,
	0x31,
	0x18,
	0x19,
	0x10,
	0x13, /* j … r */
	0x1f,
	0x14,
	0x16,
	0x2f,
	0x11,
	0x2d,
	0x15,
	0x2c, /* s … z */
	0x02,
	0x03,
	0x04,
	0x05,
	0x06,
	0x07,
	0x08,
	0x09,
	0x0a,
	0x0b, /* 1 … 9, 0 */
	0x1c,
	0x01,
	0x0e,
	0x0f,
	0x39,
	0x0c,
	0x0d,
	0x1a,
	0x1b, /* Enter Esc BkSp Tab space - = [ ] */
	0x2b,
	0x2b,
	0x27,
	0x28,
	0x29,
	0x33,
	0x34,
	0x35,
	0x3a, /* \ # ; ' ` , . / CapsLock */
	0x3b,
	0x3c,
	0x3d,
	0x3e,
	0x3f,
	0x40,
	0x41,
	0x42,
	0x43,
	0x44,
	0x57,
	0x58, /* F1 … F12 */
	0,
	0,
	0,
	E | 0x52,
	E | 0x47,
	E | 0x49, /* Insert Home PgUp */
	E | 0x53,
	E | 0x4f,
	E | 0x51, /* Delete End PgDn */
	E | 0x4d,
	E | 0x4b,
	E | 0x50,
	E | 0x48, /* right left down up */
	0,
	E | 0x35,
	0x37,
	0x4a,
	0x4e,
	E | 0x1c, /* NumLock / * - + Enter */
	0x4f,
	0x50,
	0x51,
	0x4b,
	0x4c,
	0x4d,
	0x47,
	0x48,
	0x49,
	0x52,
	0x53,
	0x56, /* keypad; < */
};
/* Left Ctrl, Shift, Alt, logo; right ones. */
static const u8 modifiers[8] = {0x1d, 0x2a, 0x38, 0, E | 0x1d, 0x36, E | 0x38, 0};

static void send_code(struct usb_keyboard *k, u8 code, bool down)
{
	u64 flags = local_irq_save(); /* as from an interrupt */

	if (code & E)
		keyboard_code(&k->keymap, 0xe0);
	if (code)
		keyboard_code(&k->keymap, (code & ~E) | (down ? 0 : 0x80));
	local_irq_restore(flags);
}

static void send_usage(struct usb_keyboard *k, u8 usage, bool down)
{
	if (usage < sizeof(scan_codes))
		send_code(k, scan_codes[usage], down);
}

static bool has_key(const u8 *report, u8 usage)
{
	return memchr(report + 2, usage, 6) != NULL;
}

static void press(struct usb_keyboard *k, u8 usage)
{
	send_usage(k, usage, true);
	k->repeats = usage == CAPS_LOCK ? 0 : usage;
	k->next_repeat = ktime_get() + REPEAT_DELAY;
}

void keyboard_report(struct usb_keyboard *k, const u8 *report, size_t len)
{
	u8 changed;

	if (len < sizeof(k->report) || has_key(report, ROLLOVER))
		return;
	changed = report[0] ^ k->report[0];
	for (int i = 0; i < 8; i++)
		if (changed & 1u << i)
			send_code(k, modifiers[i], report[0] & 1u << i);
	for (size_t i = 2; i < sizeof(k->report); i++)
		if (k->report[i] >= FIRST_KEY && !has_key(report, k->report[i]))
			send_usage(k, k->report[i], false);
	if (k->repeats && !has_key(report, k->repeats))
		k->repeats = 0;
	for (size_t i = 2; i < sizeof(k->report); i++)
		if (report[i] >= FIRST_KEY && !has_key(k->report, report[i]))
			press(k, report[i]);
	memcpy(k->report, report, sizeof(k->report));
	arch_console_refresh();
}

u64 keyboard_repeat(struct usb_keyboard *k, u64 now)
{
	if (!k->repeats)
		return TIME_FOREVER;
	if (k->next_repeat <= now) {
		send_usage(k, k->repeats, true);
		k->next_repeat = now + REPEAT_PERIOD;
		arch_console_refresh();
	}
	return k->next_repeat;
}

void keyboard_lights(struct usb_device *d)
{
	struct usb_keyboard *k = &d->keyboard;
	u8 lights = k->keymap.caps ? LIGHT_CAPS : 0;

	if (k->caps_shown == k->keymap.caps)
		return;
	k->caps_shown = k->keymap.caps;
	usb_control(d, USB_CLASS | USB_INTERFACE, SET_REPORT, OUTPUT, d->found.interface, &lights,
		    sizeof(lights));
}

void keyboard_start(struct usb_device *d)
{
	usb_control(d, USB_CLASS | USB_INTERFACE, SET_PROTOCOL, 0, d->found.interface, NULL, 0);
	usb_control(d, USB_CLASS | USB_INTERFACE, SET_IDLE, 0, d->found.interface, NULL, 0);
}
