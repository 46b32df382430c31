/* The console font: a PSF file as packaged, linked in. font.c is pure (tests/unit/font_test.c). */
#pragma once

#include "kernel/lib/types.h"

struct font {
	const u8 *glyphs;
	u32 nr_glyphs, glyph_size; /* bytes */
	u32 width, height;         /* pixels */
	u32 row_size;              /* bytes of one row of a glyph */
};

#define FONT_MAX_WIDTH  32
#define FONT_MAX_HEIGHT 64

/* Read a PSF1 or PSF2 file and its Unicode table, in place of the last font's. False: unusable. */
bool font_parse(struct font *f, const u8 *file, size_t size);
/* The bits of a glyph: rows from top to bottom, the leftmost pixel in the highest bit. A box or '?'
 * if the font lacks the character; the half blocks U+2580 and U+2584 are always there. */
const u8 *font_glyph(const struct font *f, u32 ch);

/* The file: made by meson out of the package console-setup-linux. */
extern const u8 font_file[];
extern const size_t font_file_size;
