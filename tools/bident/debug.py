"""tools/debug: QEMU stopped at start_kernel with gdb attached, its helpers loaded."""

import argparse
import signal
import subprocess
import sys
import threading
import time

from bident import ROOT, Parser, console, end_on_signals, end_with, machine
from bident.run import check, options_of

EPILOG = """\
The serial console is a pseudo-terminal that is named at the start: attach to it from another terminal, or
read its log. `continue` lets the kernel run. Helpers: bident-ps (all tasks), bident-pt PID (its page tables),
bident-current (the task whose kernel stack is in use). Leaving gdb ends the machine.
An inlined function has no breakpoint of its own: copy_process is part of do_fork (`break do_fork`).

exit status: gdb's; 2 wrong usage, 123 the machine did not start.
"""


def parse_arguments():
    parser = Parser(prog="tools/debug", description="Boots Bident in QEMU under gdb.", epilog=EPILOG,
                    formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--uefi", action="store_true", help="start with UEFI firmware (OVMF)")
    parser.add_argument("--smp", type=int, default=1, metavar="N", help="number of CPUs (1)")
    parser.add_argument("--mem", default="256M", metavar="M", help="memory (256M)")
    parser.add_argument("--cpu", default="max", metavar="MODEL", help="QEMU's CPU model (max)")
    parser.add_argument("--machine", default="q35", metavar="TYPE", help="QEMU's machine type (q35)")
    parser.add_argument("--append", action="append", default=[], metavar="WORDS", help="kernel command line")
    parser.add_argument("--gui", action="store_true", help="show the machine's screen, and type on its keyboard")
    parser.add_argument("--debug-checks", action="store_true", help="the build with -Ddebug_checks=true")
    parser.add_argument("--gdb-command", action="append", default=[], metavar="COMMAND",
                        help="run this in gdb at start_kernel (repeatable); gdb ends after the last one")
    parser.set_defaults(emulator="qemu", add=[], icount=False, no_serial=False, no_initrd=False, compiler="gcc",
                        cmd=[], timeout=None, add_tests=False, packages=[], screenshot=None)
    arguments = parser.parse_args()
    check(parser, arguments)
    return arguments


def watch(process, log, cannot_run):
    """On a processor that the kernel cannot run on, ends the machine, and so gdb's waiting for start_kernel.
    The event is set before: gdb may lose the machine, and end, while QEMU's process is still there."""
    while process.poll() is None:
        text = log.read_text(errors="replace") if log.exists() else ""
        cannot = console.CANNOT.search(text)
        if cannot:
            note(cannot.group())
            cannot_run.set()
            process.terminate()
        if cannot or console.PROMPT.search(text):
            return
        time.sleep(0.2)


def main():
    end_on_signals()
    arguments = parse_arguments()
    if arguments.gui:
        machine.check_display()
    with machine.Medium(options_of(arguments)) as medium:
        log = medium.path / "console.log"
        gdb_socket = medium.path / "gdb"
        command = medium.qemu_command(extra=[
            "-S", "-chardev", f"socket,path={gdb_socket},server=on,wait=off,id=gdb", "-gdb", "chardev:gdb"])
        command[command.index("stdio,id=terminal,mux=off,signal=off")] = f"pty,id=terminal,logfile={log}"
        # gdb interrupts the machine with ^C; QEMU must not get it.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                   start_new_session=True)
        try:
            terminal = process.stdout.readline().split(" (")[0].rsplit(" ", 1)[-1]  # "… redirected to /dev/pts/3"
            if not terminal:
                return machine.EXIT_MACHINE_DIED  # QEMU has said why
            note(f"the serial console is {terminal}: `busybox microcom {terminal}` in another terminal")
            note(f"what it prints is also in {log}")
            cannot_run = threading.Event()
            threading.Thread(target=watch, args=(process, log, cannot_run), daemon=True).start()
            status = run_gdb(arguments, medium, gdb_socket)
            return machine.EXIT_MACHINE_DIED if cannot_run.is_set() or process.poll() is not None else status
        finally:
            process.kill()
            process.wait()


def note(text):
    print(f"tools/debug: {text}", file=sys.stderr, flush=True)


def run_gdb(arguments, medium, gdb_socket):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    command = ["/usr/bin/gdb", "-q", "-nx", str(medium.kernel), "-ex", "set confirm off",
               "-ex", "set pagination off" if arguments.gdb_command else "set pagination on",
               "-ex", "set architecture i386:x86-64",
               "-x", str(ROOT / "tools" / "gdb" / "bident.py"), "-ex", f"bident-connect {gdb_socket}",
               "-ex", "thbreak start_kernel", "-ex", "continue"]
    for line in arguments.gdb_command:
        command += ["-ex", line]
    if arguments.gdb_command:
        command += ["-batch"]
    return subprocess.run(command).returncode


if __name__ == "__main__":
    end_with(main, "tools/debug")
