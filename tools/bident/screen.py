"""Reads the text on a picture of the screen, by comparing each cell with the console font's glyphs."""

import functools
import gzip
import re
import struct

from bident import Failure

# The fonts a cell may be drawn in: the kernel's own, from the package, and the VGA's, which looks the same
# in ASCII but is 9 pixels wide in text mode.
FONT = "/usr/share/consolefonts/Uni2-VGA16.psf.gz"


@functools.cache
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


class Picture:
    """A screenshot in PPM form. `rotate`: the degrees by which its text is turned clockwise."""

    def __init__(self, path, rotate=0):
        with open(path, "rb") as file:
            data = file.read()
        fields, position = [], 0
        while len(fields) < 4:
            end = min(i for i in (data.find(b" ", position), data.find(b"\n", position)) if i >= 0)
            fields.append(data[position:end])
            position = end + 1
        if fields[0] != b"P6" or fields[3] != b"255":
            raise Failure(f"{path}: not a PPM picture")
        self.width, self.height = int(fields[1]), int(fields[2])
        self.pixels = data[position:]
        self._rotate = rotate

    def blank(self):
        return self.pixels == self.pixels[:3] * (len(self.pixels) // 3)

    def colours(self):
        """All that there are, as (red, green, blue)."""
        return set(zip(self.pixels[0::3], self.pixels[1::3], self.pixels[2::3]))

    def same_but_cursor(self, other):
        """No difference, or one that fits into a single cell of characters."""
        if (self.width, self.height) != (other.width, other.height):
            return False
        if self.pixels == other.pixels:
            return True
        line = self.width * 3
        rows = [y for y in range(self.height)
                if self.pixels[y * line:(y + 1) * line] != other.pixels[y * line:(y + 1) * line]]
        long, short = 16 * self.scale, 9 * self.scale
        if rows[-1] - rows[0] >= (short if self._rotate % 180 else long):
            return False
        columns = [x for y in rows for x in range(line) if self.pixels[y * line + x] != other.pixels[y * line + x]]
        return max(columns) - min(columns) < 3 * (long if self._rotate % 180 else short)

    @functools.cached_property
    def scale(self):
        """How many pixels a side of the font's pixels are: the largest number by which all of the picture is made of squares."""
        if self.blank():
            return 1
        return next(scale for scale in range(16, 0, -1) if self._is_of_squares(scale))

    def _lines(self, scale):
        """The rows of pixels without the margin that the text leaves where it ends."""
        left, top = self.width % scale, self.height % scale
        left, right = (left, 0) if self._rotate in (90, 180) else (0, left)
        top, bottom = (top, 0) if self._rotate in (180, 270) else (0, top)
        return [self.pixels[(y * self.width + left) * 3:((y + 1) * self.width - right) * 3] for y in range(top, self.height - bottom)]

    def _is_of_squares(self, scale):
        lines = self._lines(scale)
        for first in range(0, len(lines), scale):
            line = lines[first]
            if any(line != lines[first + i] for i in range(1, scale)):
                return False
            if any(line[channel::3 * scale] != line[3 * i + channel::3 * scale] for i in range(1, scale) for channel in range(3)):
                return False
        return True

    def _upright(self):
        """Rows of pixels, as the text is read and at the font's own size."""
        step = 3 * self.scale
        rows = [[line[x:x + 3] for x in range(0, len(line), step)] for line in self._lines(self.scale)[::self.scale]]
        for _ in range(self._rotate // 90):
            rows = list(zip(*rows))[::-1]
        return rows

    def text(self):
        """The rows of characters; a cell that shows no known glyph is '?'."""
        glyphs, glyph_height = _glyphs()
        cell_width = 9 if self.width == 720 else 8
        rows = self._upright()
        return [_row(rows[top:top + glyph_height], cell_width, glyphs).rstrip()
                for top in range(0, len(rows) - glyph_height + 1, glyph_height)]


def _row(lines, cell_width, glyphs):
    return "".join(_cell([line[left:left + 8] for line in lines], glyphs)
                   for left in range(0, len(lines[0]) - cell_width + 1, cell_width))


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


def shows(rows, wanted):
    """Whether the text is on the screen. The VGA's own font draws a few characters unlike the package's:
    '?' on the screen stands for any character."""
    width = max(map(len, rows), default=0)
    text = "".join(row.ljust(width) for row in rows)  # a line may run over the edge
    pattern = [re.escape(character) for character in wanted]
    return re.search("".join(f"(?:{character}|\\?)" for character in pattern), text) is not None
