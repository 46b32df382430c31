/* Keyboards: the one behind the PS/2 controller, and what others share with it. */
#pragma once

#include "kernel/lib/types.h"

void keyboard_init(void);
struct keymap;
/* Type what one byte of scan code set 1 means. Interrupts are off. */
void keyboard_code(struct keymap *k, u8 code);

/* ---- keymap.c: scan codes (set 1) to characters; pure ---- */
struct keymap {
	bool shift, ctrl, alt, caps;
	bool extended; /* 0xe0 came before */
	u8 skip;       /* bytes of the Pause key's sequence still to come */
};
#define KEY_MAX_CHARS 8
/* Decode one byte from the keyboard. Writes the characters that the key types (ASCII or an escape
 * sequence) to out and returns their number. */
size_t keymap_decode(struct keymap *k, u8 scancode, char out[KEY_MAX_CHARS]);
