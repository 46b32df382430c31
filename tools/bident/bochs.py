"""Bochs, a second emulator, with CPU models, devices and firmware of its own. One CPU, BIOS.

Bochs has no serial port on its standard input and output, as QEMU has: command() starts this file as a program that copies between
them and a pty of Bochs's own, and that ends as QEMU would."""

import os
import re
import select
import subprocess
import sys
import tty

BOCHS = "/usr/bin/bochs"
DEFAULT_CPU = "corei7_skylake_x"
LARGEST = 2048  # MiB

# `ips` is how many instructions make a second of guest time: time does not depend on the host, unless it is slowed down for a person. Of the
# display libraries that need no window, rfb (VNC, at the first free port from 5900) has graphics, which GRUB tries; nogui is not in Debian's packages.
CONFIGURATION = """\
config_interface: textconfig
display_library: rfb, options="timeout=0"
megs: {megs}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model={cpu}, ips=50000000, reset_on_triple_fault=0
clock: sync={sync}, time0=utc
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
"""

# How it ends, by what Bochs says, in exit statuses that machine.guest_status() reads as QEMU's. After a panic the kernel halts for good.
OFF, FAILED, PANICKED = 0, 1, 255
ENDINGS = [(r"ACPI control: soft power off", OFF), (r"HLT instruction with IF=0", PANICKED)]
RESET = (r"^0*[1-9]\d*i\[SYS *\] .*\bReset\(", OFF)  # after time 0, when Bochs resets everything too
LAST_WORDS = r"Bochs is exiting with the following message:\n(.*)"
KILL = b"\x1dx"  # Ctrl-] x, as in QEMU


def megabytes(size):
    return int(size.rstrip("MG")) * (1024 if size.endswith("G") else 1)


def command(medium, interactive=False, allow_reboot=False):
    """What boots the medium. `interactive`: Ctrl-] x kills the machine, and it is no faster than the clock."""
    cpu = medium.options.cpu
    (medium.path / "bochsrc").write_text(CONFIGURATION.format(
        megs=megabytes(medium.memory), cpu=DEFAULT_CPU if cpu == "max" else cpu, iso=medium.iso, sync="slowdown" if interactive else "none"))
    (medium.path / "go").write_text("continue\n")  # Debian's Bochs starts in its debugger
    return [sys.executable, "-I", __file__, str(medium.path), *(["interactive"] if interactive else []), *(["reboot"] if allow_reboot else [])]


def known(name):
    """Whether Bochs has a CPU model of this name."""
    listing = subprocess.run([BOCHS, "--help", "cpu"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return name in re.findall(r"^(\w+)$", listing.stdout + listing.stderr, re.M)


class Relay:
    def __init__(self, folder, words):
        self._interactive = "interactive" in words
        self._endings = ENDINGS if "reboot" in words else [*ENDINGS, RESET]
        self._port, terminal = os.openpty()  # `terminal` stays open: reading the port fails while nothing has its other side open
        os.set_blocking(self._port, False)
        tty.setraw(terminal)
        self._bochs = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", BOCHS, "-q", "-f", "bochsrc", "-rc", "go",
             f"com1: enabled=1, mode=term, dev={os.ttyname(terminal)}"],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._log_end = self._bochs.stdout.fileno()
        self._log = ""  # the end of what Bochs said
        self._keys = b""  # that the port has not yet taken
        self._held = b""  # the first half of KILL

    def run(self):
        tty.setraw(0)
        status = None
        while status is None:
            readers, writers, _ = select.select([self._port, self._log_end, *([] if self._keys else [0])],
                                                [self._port] if self._keys else [], [])
            if self._port in readers:
                self._show()
            if writers:
                self._keys = self._keys[os.write(self._port, self._keys):]
            if 0 in readers and self._killed():
                status = OFF
            elif self._log_end in readers:
                status = self._ended()
        self._bochs.kill()
        while select.select([self._port], [], [], 0.1)[0]:
            self._show()
        if status == FAILED:
            print("\r\nBochs:", *re.findall(LAST_WORDS, self._log), end="\r\n", flush=True)
        return status

    def _show(self):
        sys.stdout.buffer.write(os.read(self._port, 4096))
        sys.stdout.buffer.flush()

    def _killed(self):
        """Takes what is typed."""
        typed = self._held + os.read(0, 1024)
        if self._interactive and KILL in typed:
            return True
        self._held = KILL[:1] if self._interactive and typed.endswith(KILL[:1]) else b""
        self._keys = typed.removesuffix(self._held)
        return False

    def _ended(self):
        """Takes what Bochs says: the exit status, or None."""
        text = os.read(self._log_end, 65536).decode(errors="replace")
        self._log = (self._log + text)[-65536:]
        for pattern, status in self._endings:
            if re.search(pattern, self._log, re.M):
                return status
        return None if text else FAILED


if __name__ == "__main__":
    sys.exit(Relay(sys.argv[1], sys.argv[2:]).run())
