"""Reads the text on a picture of the screen, by comparing each cell with the console font's glyphs."""

import gzip
import struct

from bident import Failure

# The fonts a cell may be drawn in: the kernel's own, from the package, and the VGA's, which looks the same
# in ASCII but is 9 pixels wide in text mode.
FONT = "/usr/share/consolefonts/Uni2-VGA16.psf.gz"


def _glyphs():
    """Bitmap of 16 rows → character, for printable ASCII."""
    with gzip.open(FONT) as file:
        data = file.read()
    if data[:2] == b"\x36\x04":  # PSF 1
        mode, height = data[2], data[3]
        count, offset = (512 if mode & 1 else 256), 4
        table = data[offset + count * height:]
        entries = [entry for entry in _psf1_unicode(table)]
    elif data[:4] == b"\x72\xb5\x4a\x86":  # PSF 2
        _, offset, _, count, size, height, _ = struct.unpack("<7I", data[4:32])
        if size != height:
            raise Failure(f"{FONT}: wider than 8 pixels")
        entries = [entry.decode("utf-8", "ignore") for entry in data[offset + count * size:].split(b"\xff")]
    else:
        raise Failure(f"{FONT}: not a console font")
    found = {}
    for index in range(count):
        for character in entries[index] if index < len(entries) else "":
            if " " <= character <= "~":
                start = offset + index * height
                found[data[start:start + height]] = character
    return found, height


def _psf1_unicode(table):
    words = struct.unpack(f"<{len(table) // 2}H", table[:len(table) // 2 * 2])
    entry = []
    for word in words:
        if word == 0xFFFF:
            yield "".join(entry)
            entry = []
        elif word < 0xFFFE:
            entry.append(chr(word))


def _read_ppm(path):
    with open(path, "rb") as file:
        data = file.read()
    fields, position = [], 0
    while len(fields) < 4:
        end = min(i for i in (data.find(b" ", position), data.find(b"\n", position)) if i >= 0)
        fields.append(data[position:end])
        position = end + 1
    if fields[0] != b"P6" or fields[3] != b"255":
        raise Failure(f"{path}: not a PPM picture")
    return int(fields[1]), int(fields[2]), data[position:]


def read(path):
    """The rows of characters on a screenshot (.ppm); a cell that shows no known glyph is '?'."""
    width, height, pixels = _read_ppm(path)
    glyphs, glyph_height = _glyphs()
    cell_width = 9 if width == 720 else 8
    return [_read_row(pixels, width, top, cell_width, glyph_height, glyphs).rstrip()
            for top in range(0, height - glyph_height + 1, glyph_height)]


def _read_row(pixels, width, top, cell_width, glyph_height, glyphs):
    row = []
    for left in range(0, width - cell_width + 1, cell_width):
        lines = []
        for y in range(top, top + glyph_height):
            start = (y * width + left) * 3
            lines.append([pixels[start + 3 * x:start + 3 * x + 3] for x in range(8)])
        row.append(_cell(lines, glyphs))
    return "".join(row)


def _cell(lines, glyphs):
    """Two colours at most; which of them is the background is not known, so both ways are tried."""
    colours = {pixel for line in lines for pixel in line}
    if len(colours) == 1:
        return " "
    if len(colours) > 2:
        return "?"
    for ink in colours:
        bitmap = bytes(sum(1 << (7 - x) for x in range(8) if line[x] == ink) for line in lines)
        if bitmap in glyphs:
            return glyphs[bitmap]
    return "?"
