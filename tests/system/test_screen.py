"""The mode that GRUB chooses, and how the text lies on the screen: its scale, and which way up."""

import pytest

from bident import console, machine, qmp, run, screen


def card(width, height):
    """A card whose monitor prefers this size. At 50 Hz, so that a timing of 3840 x 2160 fits into its EDID."""
    return f"-vga none -device VGA,vgamem_mb=64,xres={width},yres={height},refresh_rate=50000".split()


@pytest.mark.parametrize("uefi, size, append, scale, cols, rows", [
    (True, (3840, 2160), "", 3, 160, 45), (False, (3840, 2160), "", 3, 160, 45), (False, (1920, 1080), "", 1, 240, 67),
    (True, (3840, 2160), "screen.rotate=90", 2, 135, 96), (True, (1920, 1080), "screen.rotate=270 screen.scale=2", 2, 67, 60),
    (False, (800, 600), "screen.scale=1 screen.rotate=180", 1, 100, 37),
])
def test_preferred_mode(tree, uefi, size, append, scale, cols, rows):
    """Read off the picture, turned back; the bottom line too, after more lines than the screen has."""
    with machine.Medium(machine.Options(uefi=uefi, append=append), tree) as medium, console.Console(medium, card(*size)) as guest:
        guest.wait_start(120)
        assert f"console: framebuffer, {cols} x {rows}, " in guest.ok("dmesg")
        guest.ok("/bin/busybox seq 1 200")
        guest.ok("fork")
        picture = run.wait_screen_prompt(qmp.Qmp(medium.qmp_socket), medium, 60)
    text = picture.text()
    assert (picture.width, picture.height) == size and picture.scale == scale
    assert screen.shows(text, "; the child ran first") and "?" not in "".join(text), "\n".join(text)
    assert len(text) >= rows and text[rows - 1].endswith("bident>"), "\n".join(text)
    numbers = [int(line) for line in text if line.isdecimal()]
    assert numbers == list(range(numbers[0], 201)) and len(numbers) > rows - 10


@pytest.mark.parametrize("append, said", [
    ("screen.rotate=45", "command line: screen.rotate: bad value '45' (0, 90, 180 or 270)"),
    ("screen.rotate=left", "command line: screen.rotate: bad value 'left' (0..270)"),
    ("screen.scale=17", "command line: screen.scale: bad value '17' (0..16)"),
    ("screen.scale=16", "command line: screen.scale, screen.rotate: too few characters would fit"),
    ("video=text screen.rotate=90", "screen.scale, screen.rotate: the screen is no framebuffer"),
])
def test_words_that_cannot_be(tree, append, said):
    """A message, on the screen too, and the text as it would be without the word."""
    with machine.Medium(machine.Options(append=append), tree) as medium, console.Console(medium) as guest:
        guest.wait_start(120)
        log = guest.ok("dmesg")
        medium.options.append = ""
        picture = run.wait_screen_prompt(qmp.Qmp(medium.qmp_socket), medium, 60)
    assert said in log and ("VGA text, 80 x 25" in log or "framebuffer, 160 x 50" in log)
    assert screen.shows(picture.text(), said)
