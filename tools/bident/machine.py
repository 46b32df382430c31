"""QEMU: the options a machine can have, its command line, and how its exit status is read."""

import dataclasses
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from bident import ROOT, Failure, bochs, build, initramfs

QEMU = "/usr/bin/qemu-system-x86_64"
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"

# What tools/run exits with when it is not the guest's own doing.
EXIT_USAGE = 2
EXIT_MACHINE_DIED = 123  # QEMU ended, or the machine reset itself, without having been asked to
EXIT_TIMEOUT = 124
EXIT_PANIC = 125

# isa-debug-exit turns the code that the kernel writes into QEMU's exit status (code << 1) | 1, of which a parent process sees
# eight bits. The codes are those of arch.h: a status as it is, but for success and panic. Code 0 is never written: QEMU's
# own errors end it with 1.
_SUCCESS_CODE = 126
_PANIC_CODE = 127
_QEMU_ERROR = 1


@dataclasses.dataclass
class Options:
    """What tools/run's flags say, with the same defaults."""

    emulator: str = "qemu"  # or "bochs"
    machine: str = "q35"
    cpu: str = "max"
    memory: str = "256M"  # "": that, or more for what the initramfs holds
    smp: int = 1
    uefi: bool = False
    icount: bool = False
    gui: bool = False
    serial: bool = True
    initrd: bool = True
    append: str = ""
    add: tuple = ()
    compiler: str = "gcc"
    debug_checks: bool = False
    menu: int = 0  # seconds that GRUB's menu waits; 0: there is none


def qemu_refused(qemu_status):
    """QEMU ended by an error of its own, and has said which."""
    return qemu_status == _QEMU_ERROR


def guest_status(qemu_status):
    """What the guest asked for, given QEMU's exit status: (status, panicked); None when it did not ask.

    A guest that powers off by ACPI, or that resets under -no-reboot, ends QEMU with 0."""
    if qemu_status is None or qemu_status < 0 or qemu_status & 1 == 0 or qemu_refused(qemu_status):
        return None, False
    code = qemu_status >> 1
    if code == _PANIC_CODE:
        return EXIT_PANIC, True
    return (0 if code == _SUCCESS_CODE else code), False


def icount_options(options):
    if not options.icount:
        return []
    # One instruction is one nanosecond of guest time, and sleeping costs none of ours. The host's time of day would
    # make each run another one.
    return ["-icount", "shift=0,align=off,sleep=off", "-rtc", "base=2026-01-01,clock=vm"]


def cpu_option(options):
    """Under -icount without x2APIC: QEMU (since 9.0 it has one of its own) gives up with "Bad icount read" when RDMSR reads its
    timer, since RDMSR does not end the translated block as an access to a device does."""
    return f"{options.cpu},-x2apic" if options.icount else options.cpu


def memory_options(memory):
    """The host reserves nothing for memory that it may not have: only what the guest touches takes room. Without a hole for PCI above the
    memory, up to 1022 GiB fit into the 40 address bits of QEMU's emulator, if the CPU is not AMD's, which has a hole of its own there."""
    size = int(re.match(r"\d*", memory)[0] or 0) * {"G": 2**30, "T": 2**40}.get(memory[-1:], 2**20)
    if size < 8 * 2**30:
        return []
    return ["-object", f"memory-backend-ram,id=sparse,size={memory},reserve=off", "-machine", "memory-backend=sparse",
            "-global", "q35-pcihost.pci-hole64-size=0"]


class Medium:
    """A temporary folder with everything one boot needs: ISO, firmware variables, sockets."""

    def __init__(self, options, tree=None, verbose=False):
        """`tree`: the initramfs; without it the standard one and options.add."""
        variant = build.variant_name(options.compiler, options.debug_checks)
        self.options = options
        self.memory = options.memory or "256M"
        self.path = Path(tempfile.mkdtemp(prefix="bident-"))
        try:
            build.build(variant, [build.KERNEL], verbose, copy_to=self.path)
            self.kernel = self.path / build.KERNEL
            self.iso = self._make_iso(tree)
            self.vars = self.path / "ovmf-vars.fd"
            if options.uefi:
                if not os.path.exists(OVMF_CODE):
                    raise Failure(f"{OVMF_CODE} is missing: install ovmf (tools/setup does)")
                shutil.copyfile(OVMF_VARS, self.vars)
        except BaseException:
            self.close()
            raise

    def _make_iso(self, tree):
        iso = self.path / "bident.iso"
        command = [str(ROOT / "tools" / "mkiso"), str(self.kernel), str(iso), "--menu", str(self.options.menu)]
        if self.options.initrd:
            if tree is None:
                tree = initramfs.standard_tree()
                for argument in self.options.add:
                    initramfs.add_argument(tree, argument)
            archive = self.path / "initramfs.cpio"
            archive.write_bytes(tree.archive())
            if not self.options.memory:  # beside the archive, twice the files: they may fill half of a file system in memory
                self.memory = f"{max(256, 128 + 3 * archive.stat().st_size // 2**20)}M"
            command += ["--initrd", str(archive)]
        words = self.options.append
        if self.options.icount and "random.seed=" not in words:
            words = f"{words} random.seed=1".lstrip()  # runs are to repeat
        if words:
            command += ["--cmdline", words]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, errors="replace")
        if result.returncode != 0:
            raise Failure(f"{result.stdout.rstrip()}\nmaking the ISO failed".lstrip())
        return iso

    @property
    def qmp_socket(self):
        return str(self.path / "qmp")

    def close(self):
        shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def command(self, *extra, **how):
        """What boots it, with the serial port on standard input and output. `extra`: words for QEMU; the rest: see qemu_command()."""
        if self.options.emulator == "bochs":
            return bochs.command(self, **how)
        return self.qemu_command(extra=extra, **how)

    def qemu_command(self, interactive=False, allow_reboot=False, extra=()):
        """The whole QEMU command; the serial port is QEMU's standard input and output."""
        options = self.options
        command = [
            QEMU, "-machine", options.machine, "-cpu", cpu_option(options), "-m", self.memory, *memory_options(self.memory),
            "-smp", str(options.smp), "-accel", "tcg", "-nic", "none", "-cdrom", str(self.iso),
            "-boot", "d", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
            "-qmp", f"unix:{self.qmp_socket},server=on,wait=off",
        ]
        if not options.gui:
            command += ["-display", "none"]
        if options.uefi:
            command += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}",
                        "-drive", f"if=pflash,unit=1,format=raw,file={self.vars}"]
        command += icount_options(options)
        if not options.serial:
            command += ["-serial", "none"]
            command += ["-monitor", "none"]
        elif interactive:
            # signal=off hands ^C and ^Z to the guest; the escape key is Ctrl-], since ^A is the shell's.
            command += ["-chardev", "stdio,id=terminal,mux=on,signal=off", "-serial", "chardev:terminal",
                        "-mon", "chardev=terminal,mode=readline", "-echr", "0x1d"]
        else:
            command += ["-chardev", "stdio,id=terminal,mux=off,signal=off",
                        "-serial", "chardev:terminal", "-monitor", "none"]
        if not allow_reboot:
            command.append("-no-reboot")
        return command + list(extra)


def known(option, name):
    """Whether QEMU has a machine type ("-machine") or CPU model ("-cpu") of this name."""
    listing = subprocess.run([QEMU, option, "help"], capture_output=True, text=True).stdout.partition("Recognized CPUID")[0]
    return name in re.findall(r"^(?:x86\b)? *(\S+)", listing, re.M)


def set_up(part):
    """What only some machines need, by the option of tools/setup."""
    if subprocess.run([str(ROOT / "tools" / "setup"), "--run", part]).returncode != 0:
        raise Failure("something that this needs is missing")


def check_display():
    """QEMU's windows come in a package of their own, and need a place to be on."""
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        raise Failure("--gui: there is no display for the window (neither DISPLAY nor WAYLAND_DISPLAY is set)", EXIT_USAGE)
    listing = subprocess.run([QEMU, "-display", "help"], capture_output=True, text=True).stdout
    if "gtk" not in listing.split() and "sdl" not in listing.split():
        set_up("--gui")
