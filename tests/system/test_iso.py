"""tools/iso: the same bytes in any folder, and GRUB's menu."""

import re
import shutil
import subprocess

import pytest

from bident import ROOT, console, machine, qmp, run, screen

FIRST = "Bident: the shell"


def test_two_folders_give_the_same_bytes(tmp_path):
    """All of it is built anew in a copy of the checkout, whose path has another length."""
    copy = tmp_path / "another" / "folder"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns("build", "build-*", "__pycache__", ".pytest_cache", "*.iso"))
    for folder, name in ((ROOT, "here.iso"), (copy, "there.iso")):
        subprocess.run([folder / "tools" / "iso", "--out", tmp_path / name], check=True)
    assert (tmp_path / "here.iso").read_bytes() == (tmp_path / "there.iso").read_bytes()


MEDIA = {
    "CD": ["-cdrom", "{}"],
    "stick": ["-drive", "id=it,if=none,format=raw,readonly=on,file={}", "-device", "qemu-xhci", "-device", "usb-storage,drive=it"],
    "SATA": ["-drive", "id=it,if=none,format=raw,snapshot=on,file={}", "-device", "ide-hd,drive=it"],
    "NVMe": ["-drive", "id=it,if=none,format=raw,snapshot=on,file={}", "-device", "nvme,drive=it,serial=1"],
}


@pytest.mark.parametrize("uefi", [False, True], ids=["BIOS", "UEFI"])
@pytest.mark.parametrize("medium", MEDIA)
def test_media(medium, uefi):
    """As a CD, and as a stick or disk that the file was copied to; the first entry starts by itself."""
    class Disk(machine.Medium):
        def qemu_command(self, **arguments):
            command = super().qemu_command(**arguments)
            at = command.index("-cdrom")
            return command[:at] + [word.format(self.iso) for word in MEDIA[medium]] + command[at + 2:]

    with Disk(machine.Options(uefi=uefi, menu=1)) as disk, console.Console(disk) as guest:
        guest.wait_start(120)
        assert "initramfs: " in guest.log and "unpacked" in guest.log
        guest.ok("/bin/true")


class Menu:
    """GRUB's menu, at its own keyboard and screen."""

    def __init__(self, medium):
        self._medium = medium
        self.keyboard = qmp.Qmp(medium.qmp_socket)

    def wait(self, text):
        return run.wait_still(self.keyboard, self._medium, 60, lambda it: screen.shows(it.text(), text)).text()

    def type(self, words):
        """In parts: a BIOS keeps sixteen keys and loses the rest."""
        for at in range(0, len(words), 6):
            self.keyboard.type(words[at:at + 6])
            self.wait(words[:at + 6].strip())


def choose(number, and_then=lambda menu: menu.keyboard.press("ret")):
    """Take this entry of the menu: the console's text up to the prompt, and the log."""
    with machine.Medium(machine.Options(smp=2, menu=60)) as medium, console.Console(medium) as guest:
        menu = Menu(medium)
        rows = menu.wait(FIRST)
        assert all(screen.shows(rows, name) for name in ("Self-test", "Safe: one CPU", "Memory and CPU report")), rows
        for _ in range(number):
            menu.keyboard.press("down")
        and_then(menu)
        guest.wait_prompt(120)
        return console.readable(guest.log), guest.ok("dmesg")


def test_menu_safe():
    _, log = choose(2)
    assert "VGA text, 80 x 25" in log and "acpi: no tables" in log
    assert not re.search(r"smp: [2-9]", log), log


def test_menu_safe_under_uefi():
    """Where there is no text mode. The firmware's console, and so the menu, is on the serial port too."""
    with machine.Medium(machine.Options(smp=2, menu=60, uefi=True)) as medium, console.Console(medium) as guest:
        guest.expect("Memory and CPU report", 60)
        keyboard = qmp.Qmp(medium.qmp_socket)
        for key in ("down", "down", "ret"):
            keyboard.press(key)
        guest.wait_prompt(120)
        log = guest.ok("dmesg")
        assert "console: framebuffer" in log and "acpi: no tables" in log
        run.wait_screen_prompt(keyboard, medium, 60)


def test_menu_report():
    said, _ = choose(3)
    assert re.search(r"^free .* pages\)$", said, re.M) and re.search(r"^cpu 1: APIC id 1", said, re.M), said


def test_menu_editor():
    """Words behind `start` reach the kernel."""
    def edit(menu):
        menu.keyboard.press("e")
        menu.wait("setparams")
        for key in ("down", "down", "end"):
            menu.keyboard.press(key)
        menu.type(" cmd=pidmap smp.max=1")
        menu.keyboard.press("f10")

    said, log = choose(0, edit)
    assert "last pid 5, pid_max 32768" in said and "smp.max leaves out the others" in log, said
