/* The US layout: from scan codes of set 1 to the characters a VT100 sends. */
#include "arch/x86_64/dev/console/keyboard.h"

#include "kernel/lib/string.h"

#define RELEASED 0x80
#define EXTENDED 0xe0
#define PAUSE    0xe1

enum {
	KEY_LCTRL = 0x1d,
	KEY_LSHIFT = 0x2a,
	KEY_RSHIFT = 0x36,
	KEY_ALT = 0x38,
	KEY_CAPS = 0x3a
};

static const char plain[] = "\0\033"
			    "1234567890-=\x7f\t"
			    "qwertyuiop[]\r\0"
			    "asdfghjkl;'`\0\\"
			    "zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033"
			      "!@#$%^&*()_+\x7f\t"
			      "QWERTYUIOP{}\r\0"
			      "ASDFGHJKL:\"~\0|"
			      "ZXCVBNM<>?\0*\0 ";

/* Keys that send ESC [ and this. The keypad's keys send the same: they have no digits. */
static const struct {
	u8 code;
	const char *sequence;
} special[] = {
	{0x48, "A"},   {0x50, "B"},   {0x4d, "C"},   {0x4b, "D"},   {0x47, "H"},   {0x4f, "F"},
	{0x52, "2~"},  {0x53, "3~"},  {0x49, "5~"},  {0x51, "6~"},  {0x3b, "[A"},  {0x3c, "[B"},
	{0x3d, "[C"},  {0x3e, "[D"},  {0x3f, "[E"},  {0x40, "17~"}, {0x41, "18~"}, {0x42, "19~"},
	{0x43, "20~"}, {0x44, "21~"}, {0x57, "23~"}, {0x58, "24~"},
};

/* Note a modifier key. False if the key is not one. */
static bool modifier(struct keymap *k, u8 code, bool down)
{
	switch (code) {
	case KEY_LSHIFT:
	case KEY_RSHIFT:
		if (!k->extended) /* E0 2A is a fake shift around the arrow keys */
			k->shift = down;
		return true;
	case KEY_LCTRL:
		k->ctrl = down;
		return true;
	case KEY_ALT:
		k->alt = down;
		return true;
	case KEY_CAPS:
		if (down)
			k->caps = !k->caps;
		return true;
	}
	return false;
}

static size_t send_sequence(u8 code, char *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
		if (special[i].code != code)
			continue;
		out[0] = '\033';
		out[1] = '[';
		return 2 + strlcpy(out + 2, special[i].sequence, KEY_MAX_CHARS - 2);
	}
	return 0;
}

/* Control makes a letter its number in the alphabet; ^@ ^[ ^\ ^] ^^ ^_ likewise. */
static char control(char c)
{
	if (c == ' ' || c == '2')
		return 0;
	if (c == '6')
		return '^' & 31;
	if (c == '-' || c == '/')
		return '_' & 31;
	return (c >= 'a' && c <= 'z') || (c >= '@' && c <= '_') ? c & 31 : c;
}

static bool is_letter(char c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static size_t send_char(const struct keymap *k, u8 code, char *out)
{
	char c = plain[code];
	size_t n = 0;

	if (c == 0)
		return 0;
	if (k->shift != (k->caps && is_letter(c)))
		c = shifted[code];
	if (k->ctrl)
		c = control(is_letter(c) ? c | 32 : c);
	if (k->alt)
		out[n++] = '\033';
	out[n++] = c;
	return n;
}

static size_t key_down(const struct keymap *k, u8 code, char *out)
{
	if (k->extended && (code == 0x1c || code == 0x35)) { /* the keypad's Enter and slash */
		out[0] = code == 0x1c ? '\r' : '/';
		return 1;
	}
	if (!k->extended && code < sizeof(plain) - 1)
		return send_char(k, code, out);
	return send_sequence(code, out);
}

size_t keymap_decode(struct keymap *k, u8 scancode, char out[KEY_MAX_CHARS])
{
	u8 code = scancode & ~RELEASED;
	size_t n = 0;

	if (k->skip) {
		k->skip--;
		return 0;
	}
	if (scancode == PAUSE) {
		k->skip = 2; /* E1 1D 45, then E1 9D C5 */
		return 0;
	}
	if (scancode == EXTENDED) {
		k->extended = true;
		return 0;
	}
	if (!modifier(k, code, !(scancode & RELEASED)) && !(scancode & RELEASED))
		n = key_down(k, code, out);
	k->extended = false;
	return n;
}
