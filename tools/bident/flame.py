"""A flame graph as SVG: a box for each function in each path of calls, as wide as its share, callees above callers."""

import hashlib
from xml.sax.saxutils import escape

WIDTH, ROW, MARGIN, TITLE = 1200, 17, 10, 30
LETTER = 6.6        # pixels of a letter of the font
NARROWEST = 0.3     # boxes below this many pixels are left out

_HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">
<style>text {{ font: 11px monospace; }} .title {{ font-size: 15px; }} g:hover rect {{ stroke: black; }}</style>
<rect width="100%" height="100%" fill="#fffdf8"/>
<text class="title" x="{middle}" y="20" text-anchor="middle">{title}</text>
"""


class _Box:
    def __init__(self):
        self.count = 0.0
        self.above = {}

    def depth(self):
        return 1 + max((box.depth() for box in self.above.values()), default=0)


def _colour(name):
    """Warm, and the same for a function wherever it stands; the program itself is blue."""
    if name == "user":
        return "#9db8d9"
    digest = hashlib.sha256(name.encode()).digest()
    return f"#{225 + digest[0] % 30:02x}{110 + digest[1] % 110:02x}{50 + digest[2] % 60:02x}"


def _draw(out, name, box, x, level, height, scale, whole):
    width = box.count * scale
    if width < NARROWEST:
        return
    y = height - MARGIN - (level + 1) * ROW
    share = f"{name}: {box.count:,.1f} ({100 * box.count / whole:.1f} %)"
    letters = int((width - 4) / LETTER)
    label = name if len(name) <= letters else name[:letters - 1] + "…" if letters > 3 else ""
    out.append(f'<g><title>{escape(share)}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" rx="1" '
               f'fill="{_colour(name)}"/><text x="{x + 3:.1f}" y="{y + 12}">{escape(label)}</text></g>\n')
    for above, kid in sorted(box.above.items()):
        _draw(out, above, kid, x, level + 1, height, scale, whole)
        x += kid.count * scale


def graph(folded, title):
    """`folded`: {path, outermost function first: count}."""
    root = _Box()
    for path, count in folded.items():
        box = root
        box.count += count
        for name in path:
            box = box.above.setdefault(name, _Box())
            box.count += count
    height = TITLE + root.depth() * ROW + MARGIN
    out = [_HEAD.format(width=WIDTH, height=height, middle=WIDTH // 2, title=escape(title))]
    if root.count:
        _draw(out, "all", root, MARGIN, 0, height, (WIDTH - 2 * MARGIN) / root.count, root.count)
    return "".join(out) + "</svg>\n"
