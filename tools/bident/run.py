"""tools/run: build, boot, and put the shell on this terminal, or type the given lines at it."""

import argparse
import os
import re
import select
import subprocess
import sys
import termios
import time
import tty

from bident import Failure, Parser, bochs, check_output, console, end_on_signals, end_with, initramfs, machine, packages, qmp, screen, userprogs

EPILOG = """\
Without --cmd the shell is on this terminal: `poweroff` ends it, Ctrl-] x kills the machine.
With --cmd, or with lines coming in by a pipe, each line is typed at the prompt and what comes
back is printed; then the machine is switched off, and the exit status is that of the last command.
Complaints of the boot about --append or the initramfs go to stderr. With --no-serial only the screen
can be read: its text is printed once, as it is after the last line.

exit status: the last command's, or N of `poweroff N`; 2 wrong usage, 123 the machine ended early
(QEMU ended, the machine reset itself, or went off with status 0 before the last --cmd line was typed),
124 a command took longer than --timeout, 125 the kernel panicked.
"""
SMALLEST = 8  # MiB that BIOS, GRUB and the kernel can start in


def parse_arguments(argv):
    parser = Parser(
        prog="tools/run", description="Builds Bident and boots it in QEMU, or in Bochs.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--cmd", action="append", metavar="LINE", default=[],
                        help="type this line at the prompt (repeatable), then power off")
    parser.add_argument("--add", action="append", metavar="FILE[:PATH]", default=[],
                        help="put a file or folder into the initramfs, as /bin/NAME without PATH (repeatable)")
    parser.add_argument("--add-tests", action="store_true", help="put the programs of tests/user into /tests/glibc and /tests/musl")
    parser.add_argument("--packages", action="append", metavar="NAME,…", default=[],
                        help="put these Debian packages and their dependencies in the initramfs")
    parser.add_argument("--uefi", action="store_true", help="start with UEFI firmware (OVMF), not BIOS")
    parser.add_argument("--smp", type=int, default=1, metavar="N", help="number of CPUs (1)")
    parser.add_argument("--mem", default="", metavar="M",
                        help="memory, such as 64M or 4G (256M, or more if the initramfs needs it)")
    parser.add_argument("--cpu", default="max", metavar="MODEL", help="the emulator's CPU model (max; Bochs: corei7_skylake_x)")
    parser.add_argument("--machine", default="q35", metavar="TYPE", help="QEMU's machine type (q35)")
    parser.add_argument("--append", action="append", default=[], metavar="WORDS",
                        help="words for the kernel's command line (repeatable)")
    parser.add_argument("--icount", action="store_true",
                        help="one instruction is one nanosecond: repeatable time")
    parser.add_argument("--gui", action="store_true", help="show the machine's screen in a window")
    parser.add_argument("--timeout", type=float, metavar="S",
                        help="with --cmd: seconds for starting and for each line (120); otherwise for all of it")
    parser.add_argument("--emulator", choices=["qemu", "bochs"], default="qemu",
                        help="what runs it; Bochs has one CPU, BIOS, and --mem, --cpu and --append of the options about the machine")
    parser.add_argument("--no-initrd", action="store_true", help="the kernel image alone")
    parser.add_argument("--no-serial", action="store_true",
                        help="a machine without serial port; --cmd lines are typed on its keyboard")
    parser.add_argument("--screenshot", metavar="FILE",
                        help="before the end, save a picture of the screen (.png or .ppm)")
    parser.add_argument("--debug-checks", action="store_true", help="run the build with -Ddebug_checks=true")
    parser.add_argument("--compiler", choices=["gcc", "clang"], default="gcc", help="what compiles the kernel")
    arguments = parser.parse_args(argv)
    check(parser, arguments)
    return arguments


def check(parser, arguments):
    if arguments.mem and not re.fullmatch(r"[1-9]\d*[MG]?", arguments.mem):
        parser.error(f"--mem: '{arguments.mem}' is not a size such as 256M or 4G")
    if arguments.mem and not arguments.mem.endswith("G") and int(arguments.mem.rstrip("M")) < SMALLEST:
        parser.error(f"--mem: nothing starts in less than {SMALLEST}M")
    {"qemu": check_qemu, "bochs": check_bochs}[arguments.emulator](parser, arguments)
    if not 1 <= arguments.smp <= 255:
        parser.error("--smp: from 1 to 255")
    if arguments.timeout is not None and arguments.timeout <= 0:
        parser.error("--timeout: more than 0")
    for line in arguments.cmd + arguments.append:
        if not line.isprintable():
            parser.error("a line with control characters cannot be typed")
    for word in " ".join(arguments.append).split():
        check_video(parser, word, arguments.uefi)
    for argument in arguments.add:
        if not os.path.exists(argument.partition(":")[0]):
            parser.error(f"--add: no such file: {argument.partition(':')[0]}")
    if not all(names.strip(",") for names in arguments.packages):
        parser.error("--packages: no package is named")
    if arguments.no_initrd and (arguments.add or arguments.add_tests or arguments.packages):
        parser.error("--no-initrd leaves no place for --add")
    if arguments.no_serial and not arguments.cmd and not arguments.gui:
        parser.error("--no-serial needs --gui to see the screen, or --cmd with --screenshot")
    if arguments.screenshot and not arguments.cmd:
        parser.error("--screenshot is taken after the --cmd lines: give at least one")
    if arguments.screenshot and not arguments.screenshot.endswith((".png", ".ppm")):
        parser.error("--screenshot: a file named .png or .ppm")
    check_output(parser, "--screenshot", arguments.screenshot)


def check_qemu(parser, arguments):
    for option, words in (("machine", arguments.machine), ("cpu", arguments.cpu)):
        if not machine.known(f"-{option}", words.removeprefix("type=").partition(",")[0]):
            parser.error(f"--{option}: QEMU does not know '{words}' (qemu-system-x86_64 -{option} help lists them)")


def check_bochs(parser, arguments):
    others = {"--uefi": arguments.uefi, "--smp": arguments.smp != 1, "--machine": arguments.machine != "q35",
              "--icount": arguments.icount, "--gui": arguments.gui, "--no-serial": arguments.no_serial,
              "--screenshot": arguments.screenshot}
    for option, given in others.items():
        if given:
            parser.error(f"--emulator bochs: {option} is for QEMU")
    if bochs.megabytes(arguments.mem or "0") > bochs.LARGEST:
        parser.error(f"--mem: Bochs has {bochs.LARGEST}M at most")
    machine.set_up("--bochs")
    if arguments.cpu != "max" and not bochs.known(arguments.cpu):
        parser.error(f"--cpu: Bochs does not know '{arguments.cpu}' (bochs --help cpu lists them)")


def check_video(parser, word, uefi):
    if not word.startswith("video="):
        return
    if not re.fullmatch(r"text|[1-9]\d*x[1-9]\d*x[1-9]\d*", word.removeprefix("video=")):
        parser.error(f"--append: '{word}' is not video=text nor a mode such as video=1024x768x32")
    if word.endswith("x8") and not uefi:
        parser.error(f"--append: {word}: GRUB fails in modes of 256 colours on a BIOS machine")


def options_of(arguments):
    return machine.Options(
        emulator=arguments.emulator, machine=arguments.machine, cpu=arguments.cpu, memory=arguments.mem, smp=arguments.smp,
        uefi=arguments.uefi, icount=arguments.icount, gui=arguments.gui, serial=not arguments.no_serial,
        initrd=not arguments.no_initrd, append=" ".join(arguments.append), add=tuple(arguments.add),
        compiler=arguments.compiler, debug_checks=arguments.debug_checks)


def note(text):
    print(f"tools/run: {text}", file=sys.stderr, flush=True)


def show(text):
    sys.stdout.write(text)
    sys.stdout.flush()


# ---- with --cmd, over the serial port ----

def at_terminal():
    return sys.stdin.isatty() and sys.stdout.isatty()


def converse(guest, line, timeout):
    """Somebody sits here: keys go to the command, as they are; ^C too."""
    def keys():
        ready = select.select([0], [], [], 0)[0]
        return os.read(0, 1024).decode(errors="replace") if ready else ""

    before = termios.tcgetattr(0)
    try:
        tty.setraw(0)
        return guest.converse(line, keys, show, timeout)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def run_lines(medium, lines, timeout, screenshot, chosen_timeout):
    with console.Console(medium) as guest:
        status, typed = 0, []
        try:
            try:
                for complaint in console.complaints(guest.wait_start(timeout)):
                    note(complaint)
            except TimeoutError as late:
                show(tail(str(late)))
                note(f"no prompt within {timeout:g} s")
                return machine.EXIT_TIMEOUT
            for line in lines:
                show(f"bident> {line}\n")
                typed.append(line)
                try:
                    if at_terminal():
                        status = converse(guest, line, chosen_timeout)
                        continue
                    output, status = guest.command(line, timeout)
                except TimeoutError as late:
                    show(tail(str(late)))
                    note(f"'{line}' did not end within {timeout:g} s")
                    return machine.EXIT_TIMEOUT
                show(output)
            if screenshot:
                take_screenshot(medium, screenshot)
            ended = guest.power_off()
            return status if ended.status in (0, None) else ended.status
        except console.Ended as ended:
            show(end_line(ended.output.lstrip("\n")))
            return with_rest(how_it_ended(ended, typed), lines, typed)
        except TimeoutError:
            note("poweroff does not end the machine")
            return machine.EXIT_TIMEOUT


def how_it_ended(ended, lines):
    if ended.status is not None:
        if ended.status in (machine.EXIT_PANIC, machine.EXIT_MACHINE_DIED):
            note(ended.reason)
        return ended.status
    # After a power-off by ACPI, a reboot or a triple fault nothing tells the status.
    off = re.fullmatch(r"\s*poweroff\s+(\d+)\s*", lines[-1]) if lines else None
    if off:
        return int(off[1])
    if any(re.search(r"\b(reboot|poweroff|halt)\b", line) for line in lines):
        return 0
    note("the machine reset itself (a triple fault?)")
    return machine.EXIT_MACHINE_DIED


def with_rest(status, lines, typed):
    """The machine went off: also with status 0 that is no success where lines were left."""
    rest = len(lines) - len(typed) if isinstance(lines, list) else 0  # those of a pipe are not waited for
    if not rest or not typed or status in (machine.EXIT_MACHINE_DIED, machine.EXIT_PANIC):
        return status
    note(f"{rest} line{'s were' if rest > 1 else ' was'} not typed: '{typed[-1]}' ended the machine")
    return status or machine.EXIT_MACHINE_DIED


def tail(text, lines=40):
    return end_line("\n".join(text.splitlines()[-lines:]))


def end_line(text):
    return text if not text or text.endswith("\n") else text + "\n"


def take_screenshot(medium, path):
    connection = qmp.Qmp(medium.qmp_socket)
    try:
        connection.screenshot(path)
    finally:
        connection.close()


# ---- with --cmd, without a serial port: blind typing on the machine's keyboard ----

def run_blind(medium, lines, timeout, screenshot):
    process = subprocess.Popen(medium.qemu_command(), stdin=subprocess.DEVNULL)
    try:
        connection = qmp.Qmp(medium.qmp_socket)
        picture = wait_screen_prompt(connection, medium, timeout)
        for line in lines:
            connection.type(line + "\n")
            picture = wait_screen_prompt(connection, medium, timeout)
        rows = [row for row in picture.text() if row]
        show("\n".join(rows[:-1]) + "\n")
        last = int(SCREEN_PROMPT.fullmatch(rows[-1])[1] or 0)
        if screenshot:
            connection.screenshot(screenshot)
        connection.type("poweroff\n")
        status, _ = machine.guest_status(process.wait(timeout))
        return status or last
    except TimeoutError:
        note(f"no prompt on the screen within {timeout:g} s")
        return machine.EXIT_TIMEOUT
    except subprocess.TimeoutExpired:
        note("poweroff does not end the machine")
        return machine.EXIT_TIMEOUT
    except (Failure, OSError) as error:
        note(str(error))
        status, panicked = machine.guest_status(process.poll())
        return machine.EXIT_PANIC if panicked else machine.EXIT_MACHINE_DIED if status is None else status
    finally:
        process.kill()
        process.wait()


def wait_still(connection, medium, timeout, is_it=lambda picture: not picture.blank(), still=1.0):
    """Until, but for a blinking cursor, nothing has changed for a while and `is_it(picture)`."""
    deadline = time.monotonic() + timeout
    path = str(medium.path / "still.ppm")
    rotate = int((re.findall(r"\bscreen\.rotate=(90|180|270)\b", medium.options.append) or [0])[-1])
    before, since = None, time.monotonic()
    while time.monotonic() < deadline:
        connection.screenshot(path)
        now = screen.Picture(path, rotate)
        if before is None or not now.same_but_cursor(before):
            before, since = now, time.monotonic()
        elif time.monotonic() - since > still and is_it(now):
            return now
        time.sleep(0.2)
    raise TimeoutError


SCREEN_PROMPT = re.compile(r"bident(?: \[(\d+)\])?>")


def wait_screen_prompt(connection, medium, timeout):
    """Until the last line on the screen is the shell's prompt."""
    def at_prompt(picture):
        rows = [row for row in picture.text() if row]
        for row in rows:
            if console.CANNOT.match(row):
                raise Failure(row)
        return bool(rows) and SCREEN_PROMPT.fullmatch(rows[-1]) is not None
    return wait_still(connection, medium, timeout, at_prompt)


# ---- on this terminal ----

def run_interactive(medium, timeout):
    if medium.options.serial:
        note("the shell comes up on this terminal; `poweroff` ends it, Ctrl-] x kills the machine")
    before = termios.tcgetattr(0) if sys.stdin.isatty() else None
    process = subprocess.Popen(medium.command(interactive=True, allow_reboot=True))
    try:
        qemu_status = process.wait(timeout)
    except subprocess.TimeoutExpired:
        note(f"still running after {timeout:g} s")
        return machine.EXIT_TIMEOUT
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        if before:
            termios.tcsetattr(0, termios.TCSANOW, before)  # Bochs does not
    if machine.qemu_refused(qemu_status):
        return machine.EXIT_MACHINE_DIED
    status, panicked = machine.guest_status(qemu_status)
    if panicked:
        note("the kernel panicked")
    if status is None:
        if qemu_status != 0:
            note(f"QEMU ended with status {qemu_status}")
        return 0 if qemu_status == 0 else machine.EXIT_MACHINE_DIED
    return status


def make_tree(arguments):
    if arguments.no_initrd or not (arguments.add_tests or arguments.packages):
        return None
    tree = initramfs.standard_tree()
    if arguments.packages:
        packages.add_to(tree, [name for names in arguments.packages for name in names.split(",") if name])
    if arguments.add_tests:
        userprogs.compile_all()
        userprogs.add_to(tree)
    for argument in arguments.add:
        initramfs.add_argument(tree, argument)
    return tree


def main():
    end_on_signals()
    arguments = parse_arguments(sys.argv[1:])
    if arguments.gui:
        machine.check_display()
    if arguments.compiler == "clang":
        machine.set_up("--clang")
    if arguments.add_tests:
        machine.set_up("--programs")
    timeout = arguments.timeout or 120
    with machine.Medium(options_of(arguments), make_tree(arguments)) as medium:
        if not arguments.cmd and (arguments.gui or sys.stdin.isatty()):
            return run_interactive(medium, arguments.timeout)
        if not arguments.cmd:
            return run_lines(medium, (line.rstrip("\n") for line in sys.stdin), timeout, None, arguments.timeout)
        if arguments.no_serial:
            return run_blind(medium, arguments.cmd, timeout, arguments.screenshot)
        return run_lines(medium, arguments.cmd, timeout, arguments.screenshot, arguments.timeout)


if __name__ == "__main__":
    end_with(main, "tools/run")
