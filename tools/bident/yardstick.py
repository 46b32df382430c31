"""The programs of tests/bench: compiling them, running them as the only file of a machine, and the rows they print."""

import dataclasses
import os
import re
import subprocess
import tempfile

from bident import ROOT, Failure, build, console, initramfs, linux, machine

SOURCES = ROOT / "tests" / "bench"
OUTPUT = ROOT / "build" / "bench"
PROGRAMS = {"forkbench": ("forkbench", "rows", "traced"), "growth": ("growth",)}  # of which files of SOURCES
COMPILER = "/usr/bin/musl-gcc"
FLAGS = ["-static", "-O2"]
CPU = "max,-erms"  # with ERMS Linux clears a page by one instruction, as far as icount can see
MEMORY = "2G"

# Row → the group of forkbench that prints it. The first that matches; rows of a size come from `big` with at least that.
GROUPS = [
    (r"fork_\w+_1000vma|fork_\w+_200fd", "many"), (r"fan\d+b?_\w+", "fan"), (r"(v?fork|posix)_\w+_(\d+)M", "big"),
    (r"timer_overhead|null_getppid|clock_gettime|yield_alone", "null"), (r"pipe_\w+|yield_switch_\d+", "ctx"),
    (r"libc_fork_exit_wait", "libcfork"), (r"(v?fork_exec|posix_spawn)_wait", "exec"), (r"(clone_vm_)?vfork_exit_wait", "vfork"),
    (r"fork_(call|to_child|exit_wait)", "fork"), (r"thread_create_join", "thread"), (r"futex_rtt_2thr", "futex"),
    (r"pthread_create_join", "pthread"), (r"fault_\w+|munmap_touched_page", "fault"),
    (r"mmap_\w+|mprotect_4K|brk_grow_shrink", "mmap"), (r"sigaction|signal_self|kill0_self", "signal"),
    (r"\w*_rtt|accept_connect", "net"), (r"ptrace_syscall_stop", "ptrace"), (r"fork_traced", "tracefork"),
]
SIZES = (1, 16, 64, 256, 1024)


def compile_program(name):
    sources, target = [SOURCES / f"{part}.c" for part in PROGRAMS[name]], OUTPUT / name
    newest = max(file.stat().st_mtime for file in (*sources, *SOURCES.glob("*.h")))
    with build.checkout_lock():
        if target.exists() and target.stat().st_mtime > newest:
            return target
        OUTPUT.mkdir(parents=True, exist_ok=True)
        temporary = target.with_suffix(".tmp")
        result = subprocess.run([COMPILER, *FLAGS, "-o", str(temporary), *map(str, sources)],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode != 0:
            raise Failure(f"{result.stdout.rstrip()}\ncompiling {name} failed")
        os.replace(temporary, target)
    return target


def compiler_version():
    return subprocess.run([COMPILER, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def group_of(row):
    for pattern, group in GROUPS:
        if re.fullmatch(pattern, row):
            return group
    raise Failure(f"no row '{row}' (`tools/bench --list` names them)", machine.EXIT_USAGE)


def words_for(rows, repeats):
    """Arguments for forkbench, so that it prints these rows."""
    groups = sorted({group_of(row) for row in rows})
    most = max([int(m[1]) for m in (re.fullmatch(r"\w+_(\d+)M", row) for row in rows) if m], default=1)
    return " ".join([f"max={most}", f"reps={repeats}", *groups])


@dataclasses.dataclass
class Row:
    median: float  # of ticks, or of bytes
    least: float
    samples: int
    marks: int     # lines with times that were printed before this one


def parse(output):
    """({row: Row}, ticks a microsecond) of what forkbench printed."""
    rows, marks = {}, 0
    for name, value, unit, samples, rest in re.findall(r"^bench (\S+) ([\d.]+) (\w+) (\d+)(.*)$", output, re.M):
        if unit == "bytes":
            rows[name] = Row(float(value), float(value), int(samples), marks)
            continue
        if unit == "tsc":
            rows[name] = Row(float(value), float(rest.split("min=")[1].split()[0]), int(samples), marks)
        marks += 1
    speed = re.search(r"^info tsc_per_us ([\d.]+)", output, re.M)
    if not speed or "forkbench done" not in output:
        raise Failure(f"{output}the benchmark did not come to its end")
    return rows, float(speed[1])


class Kernel:
    """One of the two that are compared: runs a program that is the only file in its initramfs, /init."""

    append = ""  # words for Bident's command line, in each run

    def __init__(self, program):
        self.tree = initramfs.Tree()
        self.tree.add_file("init", program.read_bytes(), 0o755)


class Bident(Kernel):
    name = "Bident"

    def run(self, words, icount, timeout=300, append="", extra=(), **options):
        """What the program prints, given these words. `extra`: words for QEMU, or a function of the kernel's file that
        returns them."""
        options = machine.Options(**{"cpu": CPU, "memory": MEMORY, "icount": icount, "append": f"{self.append} {append}".strip(), **options})
        with machine.Medium(options, self.tree) as medium:
            qemu_words = extra(medium.kernel) if callable(extra) else extra
            try:
                with console.Console(medium, extra=qemu_words) as guest:
                    complaints = console.complaints(guest.wait_start(timeout))
                    if complaints:
                        raise Failure("\n".join(complaints), machine.EXIT_USAGE)
                    output = guest.ok(f"/init {words}", timeout)
                    guest.power_off(timeout=60)
                    return output
            except TimeoutError as late:
                raise Failure(f"Bident: '{words}' did not end within {timeout:g} s; it printed\n{late}", machine.EXIT_TIMEOUT) from None
            except (console.Ended, AssertionError) as ended:
                raise Failure(f"Bident: {ended}") from None


class Linux(Kernel):
    name = "Linux"

    def __init__(self, program):
        super().__init__(program)
        self.image = linux.fetch()

    def run(self, words, icount, timeout=300, extra=(), **options):
        options = machine.Options(**{"cpu": CPU, "memory": MEMORY, "icount": icount, **options})
        with tempfile.NamedTemporaryFile(prefix="bident-", suffix=".cpio") as archive:
            archive.write(self.tree.archive())
            archive.flush()
            return linux.run(self.image, archive.name, words, options, timeout, extra)
