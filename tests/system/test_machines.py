"""The same kernel on other machines: firmware, chipset, CPU, memory, with and without serial port and initramfs."""

import re
import subprocess
import time

import pytest

from bident import ROOT, console, initramfs, machine, qmp, run, screen
from test_programs import SCRIPT

# As they are typed: tools/run and these.
MACHINES = [
    "--uefi", "--machine pc", "--cpu qemu64", "--cpu Nehalem", "--cpu EPYC", "--mem 64M", "--mem 4G", "--smp 4",
    "--uefi --machine pc --cpu Nehalem", "--uefi --mem 4G --cpu Nehalem", "--machine q35,hpet=off",
    "--cpu qemu64,-x2apic,-tsc-deadline", "--append video=text", "--compiler clang", "--debug-checks",
]
# Processors of which QEMU's emulator lacks something: it prints warnings, and starts.
WARNED_OF = ["EPYC-Milan", "Skylake-Server", "Snowridge", "KnightsMill", "IvyBridge", "Denverton"]
# Processors with XSAVE and nothing that makes it quicker, on which QEMU 7.2's emulator refuses to switch it on by going round in circles.
PLAIN_XSAVE = ["Opteron_G4", "Opteron_G5", "max,-xsaveopt,-xsavec,-xgetbv1,-xsaves", "SandyBridge,-xsaveopt,-hypervisor"]


def tools_run(arguments, *lines, timeout=300):
    words = [word for line in lines for word in ("--cmd", line)]
    return subprocess.run([str(ROOT / "tools" / "run"), *arguments.split(), *words], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("arguments", MACHINES)
def test_tools_run_on(arguments):
    result = tools_run(arguments, "fork", SCRIPT, "/bin/busybox sleep 1; /bin/busybox echo slept", "vfork")
    assert result.returncode == 0, result.stdout + result.stderr
    for wanted in (r"^fork: \d+ -> \d+ .*the child ran first$", "^HELLO$", "^100$", "^slept$", r"^vfork: \d+ -> \d+ "):
        assert re.search(wanted, result.stdout, re.M), result.stdout


@pytest.mark.parametrize("cpu, end, status", [(cpu, "ps", 0) for cpu in WARNED_OF + PLAIN_XSAVE] + [("EPYC", "poweroff", 0), ("EPYC", "poweroff 3", 3)])
def test_tools_run_on_a_processor_of_which_qemu_warns(cpu, end, status):
    result = tools_run(f"--no-initrd --cpu {cpu}", "fork", end)
    assert result.returncode == status, result.stdout + result.stderr
    assert "the child ran first" in result.stdout


def test_sixteen_mebibytes(boot):
    """The ISO as it comes, in less than any Linux needs to start: it forks, and fifty programs live at once."""
    guest = boot(with_tree=initramfs.standard_tree(), memory="16M")
    _, text = guest.fork()
    assert "the child ran first" in text
    assert guest.ok(SCRIPT, timeout=120).split() == ["HELLO", "100"]
    many = "for i in $(/bin/busybox seq 50); do /bin/busybox sleep 3 & done; /bin/busybox ps | /bin/busybox grep -c 'sleep 3'; wait"
    assert int(guest.ok(f'/bin/busybox sh -c "{many}"', timeout=120)) >= 50


def test_clock_is_tsc(boot):
    guest = boot(append="clock.tsc=always", smp=2)
    assert "clock TSC" in guest.ok("cpu")
    text = guest.ok("/tests/glibc/vdso")
    assert "CLOCK_MONOTONIC: agrees" in text and "getcpu: agrees" in text and "DISAGREES" not in text and "NO\n" not in text


def test_no_initramfs(boot):
    guest = boot(initrd=False)
    assert "initramfs: the loader brought none" in guest.boot_log
    assert "No keyboard" not in guest.boot_log
    parent = guest.selected()
    child, text = guest.fork()
    assert "the child ran first" in text
    guest.ok(f"{child}: poke 5")
    assert guest.fork(f"{child}: vfork")[1]
    guest.ok(f"use {parent}")
    guest.fork("clone CLONE_VM,CLONE_FILES")
    for line in ("ps", "tree", "pidmap", "runq", "vm", f"pt {parent}", "fds", "mem", "slabs", "locks", "syscalls",
                 "cpu", "pci", "dmesg"):
        assert guest.ok(line).strip(), line
    assert "\n00:1f.2 8086:2922 class 010601: SATA\n" in guest.ok("pci")
    text, status = guest.command("/bin/busybox true")
    assert status == 127 and text.count("\n") == 1


def press(keyboard, text):
    """Type; <left> and <ctrl-c> are names of keys."""
    for part in re.split("(<[a-z-]+>)", text):
        if part.startswith("<"):
            keyboard.press(*part[1:-1].split("-"))
        else:
            keyboard.type(part)


def wait_row(keyboard, medium, wanted):
    """Until there is a line on the screen that is, or ends, as `wanted` says."""
    return run.wait_still(keyboard, medium, 60, lambda picture: any(re.search(wanted + "$", row) for row in picture.text()))


def blind(medium, lines, devices=(), plug=()):
    """Type at a machine without serial port; the rows of characters on its screen at the end, and its status. Devices: in QEMU's words. `plug`:
    what QEMU's monitor is told when the shell is there, and the lines that the kernel prints of it. A pair of lines: the second is typed when the
    first has printed "runs"."""
    extra = [word for device in devices for word in ("-device", device)]
    process = subprocess.Popen(medium.qemu_command(extra=extra), stdin=subprocess.DEVNULL)
    try:
        keyboard = qmp.Qmp(medium.qmp_socket)
        picture = run.wait_screen_prompt(keyboard, medium, 120)
        for order, row in plug:
            keyboard.command("human-monitor-command", **{"command-line": order})
            wait_row(keyboard, medium, row)
        for line in lines:
            if isinstance(line, tuple):
                press(keyboard, line[0] + "\n")
                wait_row(keyboard, medium, "^runs")
                press(keyboard, line[1])
            else:
                press(keyboard, line + "\n")
            picture = run.wait_screen_prompt(keyboard, medium, 60)
        rows = picture.text()
        keyboard.type("poweroff 9\n")
        return rows, machine.guest_status(process.wait(60))[0]
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("append", ["", "video=text"], ids=["framebuffer", "VGA text"])
def test_no_serial_port(tree, append):
    with machine.Medium(machine.Options(serial=False, append=append), tree) as medium:
        rows, status = blind(medium, ["fork", "tree", "run /bin/busybox echo Hello | World"])
    shown = "\n".join(rows)
    for wanted in ("bident> fork", "; the child ran first", "`- [kthreadd] 2 ", "Hello | World"):
        assert screen.shows(rows, wanted), shown
    assert status == 9


# Controllers, what is plugged into them, and what happens when the machine runs.
USB = {
    "port, UEFI": (True, ["qemu-xhci", "usb-kbd"], ()),
    "two hubs, another controller": (
        False, ["nec-usb-xhci,id=usb", "usb-hub,bus=usb.0,port=1", "usb-hub,bus=usb.0,port=1.2", "usb-kbd,bus=usb.0,port=1.2.3"], ()),
    "plugged in later": (False, ["qemu-xhci,id=one", "nec-usb-xhci,id=two"], [
        ("device_add usb-kbd,bus=one.0,id=first", "usb: keyboard at 00:02.0, port .*"), ("device_del first", "usb: keyboard at 00:02.0, .* has gone"),
        ("device_add usb-kbd,bus=two.0", "usb: keyboard at 00:03.0, port .*")]),
}


@pytest.mark.parametrize("uefi, devices, plug", USB.values(), ids=USB)
def test_usb_keyboard(tree, uefi, devices, plug):
    """A PC with nothing but a screen and a USB keyboard: lines, editing, a program, and ^C, all typed on it."""
    with machine.Medium(machine.Options(serial=False, machine="q35,i8042=off", uefi=uefi), tree) as medium:
        rows, status = blind(medium, ["orkk<backspace><home>f", "tre<left>e", "run /bin/busybox echo Hello | World",
                                      ('/bin/busybox sh -c "echo runs; sleep 1000"', "<ctrl-c>"), "vfork"], devices, plug)
    shown = "\n".join(rows)
    for wanted in ("fork: ", "; the child ran first", "`- [kthreadd] 2 ", "Hello | World", "bident [130]> vfork", "vfork: "):
        assert screen.shows(rows, wanted), shown
    assert status == 9


# Machines of which much is missing, and the clock and the timer that are left. `cpu` tells both.
BARE = [
    ("--machine q35,hpet=off,pic=off,pit=off,i8042=off", "clock ACPI PM timer, timer local APIC"),
    ("--machine q35,pic=off,pit=off,i8042=off --smp 2", "clock HPET, timer local APIC"),
    ("--machine pc,acpi=off,hpet=off --cpu max,-apic", "clock PIT, timer PIT"),
    ("--machine pc,hpet=off --cpu max,-apic", "clock ACPI PM timer, timer PIT"),
    ("--machine q35,i8042=off,hpet=off --append acpi=0 --smp 2", "clock PIT, timer PIT"),
    ("--machine pc,pit=off,i8042=off --append clock.tsc=always", "clock TSC, timer local APIC"),
    ("--machine isapc --mem 64M", "clock PIT, timer PIT"),
]


@pytest.mark.parametrize("arguments, left", BARE)
def test_bare_machine(arguments, left):
    result = tools_run(f"--no-initrd {arguments}", "fork", "cpu", timeout=100)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "the child ran first" in result.stdout and left in result.stdout, result.stdout


# With nothing to tell the time by, or nothing to interrupt, the kernel cannot run. It says so.
TOO_BARE = [
    ("--machine q35,hpet=off,pit=off --append acpi=0", "no clock: there is no HPET, ACPI PM timer or PIT, and CPUID does not tell the TSC's rate"),
    ("--machine pc,hpet=off,pit=off --cpu max,-apic --append acpi=0", "no clock: "),
    ("--machine q35,pic=off,pit=off,i8042=off --cpu max,-apic", "no timer: there is no usable APIC, and no PIT or no interrupt for it"),
]


@pytest.mark.parametrize("arguments, sentence", TOO_BARE)
def test_too_bare_machine(arguments, sentence):
    result = tools_run(f"--no-initrd {arguments}", "fork", timeout=100)
    assert result.returncode == machine.EXIT_PANIC, result.stdout + result.stderr
    assert f"KERNEL PANIC: {sentence}" in result.stdout, result.stdout


@pytest.mark.parametrize("words", ["", "acpi=0"])
def test_no_keyboard_screen_and_serial_port(words):
    """Nobody can see or type anything; the line of the command line is run all the same."""
    options = machine.Options(serial=False, initrd=False, machine="q35,i8042=off,hpet=off", append=f"{words} cmd=poweroff".strip())
    with machine.Medium(options) as medium:
        process = subprocess.Popen(medium.qemu_command(extra=["-vga", "none"]), stdin=subprocess.DEVNULL)
        try:
            assert machine.guest_status(process.wait(60)) == (0, False)
        finally:
            process.kill()
            process.wait()


def test_watchdog_left_on():
    """The chipset's watchdog counts after a reset; the kernel halts it for good."""
    with machine.Medium(machine.Options(initrd=False)) as medium, console.Console(medium, ("-global", "ICH9-LPC.noreboot=false")) as guest:
        guest.wait_start(120)
        assert "watchdog: the firmware left the chipset's on; halted" in guest.ok("dmesg")
        keyboard = qmp.Qmp(medium.qmp_socket)
        for line in ("o /w 0x672 4", "o /w 0x660 1"):  # 4 x 0.6 s, from now on
            keyboard.command("human-monitor-command", **{"command-line": line})
        time.sleep(6)  # it resets the machine when it has run out twice
        assert "the child ran first" in guest.ok("fork")


def test_iommu_is_noticed():
    with machine.Medium(machine.Options(initrd=False)) as medium, console.Console(medium, ("-device", "intel-iommu")) as guest:
        guest.wait_start(120)
        assert re.search(r"iommu: one at 0xfed90000, which is off", guest.ok("dmesg"))


CANNOT = {"qemu32": "a 64-bit processor", "pentium3": "a 64-bit processor", "qemu64,-nx": "no-execute", "max,-fxsr": "FXSR", "max,-sse,-sse2": "SSE",
          "max,-sse2": "SSE2", "max,-cmov": "CMOV", "max,-syscall": "SYSCALL"}


@pytest.mark.parametrize("cpu", CANNOT)
def test_cpu_that_cannot(cpu):
    """One readable sentence on the serial port, not a triple fault; and tools/run ends at once."""
    result = tools_run(f"--no-initrd --cpu {cpu}", "fork", timeout=60)
    assert result.returncode == machine.EXIT_MACHINE_DIED, result.stdout + result.stderr
    assert re.fullmatch(rf"Bident needs [^\n]*{CANNOT[cpu]}[^\n]*\n", result.stdout), result.stdout
    assert result.stderr.endswith("tools/run: the kernel cannot run on this processor\n")


# Cards, the words that choose a mode, and what comes of them. GRUB takes a mode with a palette from a card without a BIOS alone: beside what
# a BIOS tells, there is no room for the palette in what it hands to the kernel.
NO_BIOS = "-vga none -device VGA,romfile="
SCREENS = [
    ("-vga std", "", (1280, 800)), ("-vga cirrus", "", (1024, 768)), ("-vga none -device VGA,edid=off", "", (1024, 768)),
    ("-vga std -global VGA.vgamem_mb=2", "", (800, 600)),
    ("-vga std", "video=800x600x15", (800, 600)), ("-vga std", "video=640x480x16", (640, 480)), ("-vga std", "video=800x600x24", (800, 600)),
    (NO_BIOS, "video=640x480x8", (640, 480)), (NO_BIOS, "video=800x600x8", (800, 600)),
]


@pytest.mark.parametrize("card, append, size", SCREENS)
def test_screen(tree, card, append, size):
    """Letters, and the colours of ECMA-48 as a VGA's text mode has them, whatever a pixel is made of."""
    colours = r"\033[40;3%dm%c\033[0m"
    printf = "/bin/busybox printf '" + "".join(colours % (i, "X") for i in range(1, 8)) + r"\n'"
    with machine.Medium(machine.Options(append=append), tree) as medium, console.Console(medium, tuple(card.split())) as guest:
        guest.wait_start(120)
        guest.ok("fork")
        guest.ok(printf)
        keyboard = qmp.Qmp(medium.qmp_socket)
        picture = run.wait_screen_prompt(keyboard, medium, 60)
    rows = picture.text()
    assert screen.shows(rows, "; the child ran first") and screen.shows(rows, "XXXXXXX"), "\n".join(rows)
    assert (picture.width, picture.height) == size
    wanted = [[0xaa * (i >> bit & 1) for bit in range(3)] for i in range(8)]
    wanted[3][1] = 0x55  # brown
    shown = picture.colours()
    for red, green, blue in wanted:
        assert any(abs(r - red) < 9 and abs(g - green) < 9 and abs(b - blue) < 9 for r, g, b in shown), (red, green, blue, shown)


def test_processors_left_out_by_a_switch(boot):
    guest = boot(smp=3, initrd=False, append="smp.max=2")
    assert "smp: 2 of 3 CPUs run; smp.max leaves out the others" in guest.ok("dmesg")


def test_no_keyboard_is_said_beside_the_prompt(boot):
    guest = boot(machine="q35,i8042=off", initrd=False)
    assert re.search(r"^No keyboard was found: .*serial port", guest.boot_log, re.M)
    assert "the child ran first" in guest.fork()[1]


def test_cpu_that_cannot_is_told_on_the_screen():
    with machine.Medium(machine.Options(cpu="qemu32", initrd=False, serial=False)) as medium:
        process = subprocess.Popen(medium.qemu_command(), stdin=subprocess.DEVNULL)
        try:
            keyboard = qmp.Qmp(medium.qmp_socket)
            rows = run.wait_still(keyboard, medium, 60, lambda it: screen.shows(it.text(), "64-bit")).text()
        finally:
            process.kill()
            process.wait()
    assert screen.shows(rows, "needs a 64-bit processor"), "\n".join(rows)


@pytest.mark.parametrize("skew", [0, 1000000000])
def test_time_stamp_counters(boot, skew):
    """Counters that differ between CPUs are noticed, and another clock is used; time goes on in either case.

    They differ by more than it takes to hand over the turn between two threads of a busy host, which hides less."""
    guest = boot(smp=2, initrd=False, append=f"clock.tsc=always clock.tsc_skew={skew}")
    assert "clock TSC at" in guest.ok("dmesg")
    assert ("clock TSC," in guest.ok("cpu")) == (skew == 0)
    assert bool(re.search(r"tsc: differs by \d+ cycles on the CPU with APIC id 1", guest.ok("dmesg"))) == (skew != 0)
    before, after = (float(re.search(r"up (\d+\.\d+) s", guest.ok("cpu"))[1]) for _ in range(2))
    assert 0 < before < after < 60


@pytest.mark.parametrize("cpu", ["max", "max,-smap", "qemu64"])
def test_far_return(boot, cpu):
    """Faults that the emulator raises with the kernel's rights for a user's instruction do not repeat for ever."""
    guest = boot(cpu=cpu)
    text = guest.ok("/tests/alone/far_return", timeout=100)
    assert text.count(": ") == 3
    if "-smap" in cpu or cpu == "qemu64":
        assert text.count("came back") == 3


@pytest.mark.parametrize("cpus", [96, 255])
def test_many_cpus(cpus):
    """More CPUs than one word has bits: all start, a program sees and may use each, and a fork's TLB flush reaches those beyond."""
    last = cpus - 1
    result = tools_run(f"--smp {cpus} --mem 1G", "fork", "touch 1", "/bin/busybox nproc", "/bin/busybox grep Cpus_allowed_list /proc/self/status",
                       f"/bin/busybox grep -c ^processor /proc/cpuinfo; /bin/busybox grep -c ^cpu{last} /proc/stat",
                       f"/bin/busybox taskset -c {last} /bin/busybox sh -c '/bin/busybox grep Cpus_allowed_list /proc/self/status'", "dmesg", timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
    for wanted in (r"^fork: \d+ -> \d+ .*the child ran first$", rf"smp: {cpus} of {cpus} CPUs run", rf"^Cpus_allowed_list:\t0-{last}$",
                   rf"^Cpus_allowed_list:\t{last}$", rf"^{cpus}\n.*\n.*\n.*\n{cpus}\n1$"):
        assert re.search(wanted, result.stdout, re.M), result.stdout


# QEMU's emulator has 40 address bits: less than a tebibyte is left beside the devices.
@pytest.mark.parametrize("memory, options", [("16G", ""), ("1020G", "--cpu max,vendor=GenuineIntel")])
def test_much_memory(memory, options):
    """Memory that is not used is not touched: the host has far less than the guest."""
    result = tools_run(f"--mem {memory} {options}", "fork", "touch 64", "mem", SCRIPT, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"^fork: \d+ -> \d+ .*the child ran first$", result.stdout, re.M) and "HELLO" in result.stdout, result.stdout
    free = int(re.search(r"^free +(\d+) KiB", result.stdout, re.M)[1])
    assert 0.95 * int(memory[:-1]) * 2**20 < free < int(memory[:-1]) * 2**20, result.stdout
