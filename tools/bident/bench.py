"""tools/bench: the benchmark of tests/bench on Bident and on Debian's Linux, in the same machine, side by side."""

import argparse
import concurrent.futures
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bident import ROOT, Failure, Parser, check_output, describe, end_with, growth, linux, machine, plot, plugin, profile, smp, yardstick

EPILOG = """\
`instructions` are counted by QEMU (-icount shift=0), where one tick of the clock is one executed instruction: they are the
same on any machine. The figures are medians. `wall` is how many times faster Bident is under plain TCG, by the least of the
samples; that depends on this machine and on its load. `boot` counts from the kernel's first instruction to the shell's
first prompt, on Linux to init's first reading of the clock. Sizes of memory are bytes, not instructions.

tools/bench growth [KIND…] shows how the cost of a fork grows with the size of what is forked; tools/bench smp how much
faster two CPUs are than one, and how many forks a second one to four CPUs make.
"""
BOOT = "boot"
LINUX_ENTRY = 0x100000  # where a loader puts a bzImage, and jumps to
MOST = 40               # samples that forkbench keeps


@dataclasses.dataclass
class Target:
    """At most `most`, and at most `factor` times what row `base` takes."""

    most: float = None
    factor: float = None
    base: str = None

    def limit(self, column):
        base = column.get(self.base)
        limits = [self.most, base and self.factor * base]
        return min((n for n in limits if n is not None), default=None)

    def __str__(self):
        parts = [f"{self.most:,}"] if self.most is not None else []
        if self.base:
            parts.append(f"{self.factor} × {self.base}")
        return ", ".join(parts)


ROWS = {
    "null_getppid": Target(70),
    "yield_switch_2": Target(250),
    "pipe_rtt_2proc": Target(1_600),
    "fork_call": Target(4_000),
    "fork_exit_wait": Target(8_000),
    "vfork_exit_wait": Target(3_500),
    "thread_create_join": Target(3_000),
    "fork_exec_wait": Target(25_000),
    "vfork_exec_wait": Target(20_000),
    "fault_zero_write": Target(800),
    "fault_cow_parent": Target(1_000),
    "fork_call_1024M": Target(None, 1.05, "fork_call"),
    "fork_exit_wait_1024M": Target(None, 1.1, "fork_exit_wait"),
    "fork_writeall_wait_64M": Target(16_000_000),
    "fork_call_1000vma": Target(20_000),
    "fan100_create": Target(),
    "fan100_reap": Target(),
    "fan1000_create": Target(9_000, 1.05, "fan100_create"),
    "fan1000_reap": Target(4_000, 1.05, "fan100_reap"),
    "fan1000_mem_per_child": Target(32 * 1024),
    "signal_self": Target(600),
    "mmap_touch_munmap_4K": Target(2_500),
    "ptrace_syscall_stop": Target(5_000),
    "fork_traced": Target(80_000),
    BOOT: Target(20_000_000),
}


# ---- measuring ----

def boot_instructions(kernel, program):
    """Instructions from the kernel's first to the prompt, or to init's first look at the clock."""
    plugin.compile_plugin()
    with tempfile.TemporaryDirectory(prefix="bident-") as folder:
        if kernel.name == "Linux":
            kernel.run("reps=1 null", True, extra=plugin.qemu_options(folder, program=plugin.functions(program), cuts=[LINUX_ENTRY]))
            record = plugin.Record(folder)
            begin = record.end_at(LINUX_ENTRY)
            return record.segments[begin + 1].end - record.segments[begin].end
        cuts = []
        def options(elf):
            cuts.extend(profile.boot_cuts(elf))
            return plugin.qemu_options(folder, cuts=cuts)
        kernel.run("reps=1 null", True, extra=options)
        record = plugin.Record(folder)
        begin, end = map(record.end_at, cuts)
        return record.segments[end].end - record.segments[begin].end


def rows_of(kernel, words, icount):
    """({row: Row}, ticks a microsecond)."""
    return yardstick.parse(kernel.run(words, icount, timeout=900))


def instructions(kernel, program, rows, samples, repeats):
    """{row: median of medians} of everything the benchmark prints for these rows."""
    found = {}
    if set(rows) - {BOOT}:
        words = yardstick.words_for(set(rows) - {BOOT}, samples)
        for _ in range(repeats):
            for name, row in rows_of(kernel, words, True)[0].items():
                found.setdefault(name, []).append(row.median)
    if BOOT in rows:
        found[BOOT] = [boot_instructions(kernel, program)]
    return {name: statistics.median(values) for name, values in found.items()}


def wall_times(kernels, rows, samples, repeats):
    """{kernel: {row: nanoseconds}}, the least; one machine at a time, in turns."""
    words = yardstick.words_for(rows, samples)
    least = {kernel.name: {} for kernel in kernels}
    for _ in range(repeats):
        for kernel in kernels:
            found, speed = rows_of(kernel, words, False)
            for name, row in found.items():
                if not name.endswith("_mem_per_child"):
                    nanoseconds = row.least * 1000 / speed
                    least[kernel.name][name] = min(nanoseconds, least[kernel.name].get(name, nanoseconds))
    return least


def measure(arguments, program, kernels, rows):
    """{kernel: {"instructions": {row: n}, "wall_ns": {row: n}}}"""
    result = {kernel.name: {"instructions": {}, "wall_ns": {}} for kernel in kernels}
    note(f"counting instructions on {' and '.join(result)} …")
    # What else runs changes nothing here, so both at once.
    with concurrent.futures.ThreadPoolExecutor(len(kernels)) as pool:
        jobs = {k.name: pool.submit(instructions, k, program, rows, arguments.samples, arguments.repeat) for k in kernels}
        for name, job in jobs.items():
            result[name]["instructions"] = job.result()
    timed = set(rows) - {BOOT}
    if arguments.wall and timed:
        note("measuring wall time …")
        for name, times in wall_times(kernels, timed, arguments.samples, arguments.repeat).items():
            result[name]["wall_ns"] = times
    return result


# ---- telling ----

def note(text):
    print(f"tools/bench: {text}", file=sys.stderr, flush=True)


def _first_line(*command):
    """Nothing from a program that is not there, as git where the sources are a copy."""
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout.partition("\n")[0]
    except FileNotFoundError:
        return ""


def circumstances(kernels):
    commit = _first_line("git", "rev-parse", "--short", "HEAD") or "unknown"
    if _first_line("git", "status", "--porcelain", "-uno"):
        commit += " and changes"
    about = {"Bident": f"commit {commit}, {_first_line('gcc', '--version')}"}
    for kernel in kernels:
        if kernel.name == "Linux":
            about["Linux"] = linux.version(kernel.image)
            about["Linux's command line"] = linux.COMMAND_LINE
        elif kernel.append:
            about["Bident's command line"] = kernel.append
    about["program"] = f"musl-gcc {' '.join(yardstick.FLAGS)} forkbench.c, {yardstick.compiler_version()}"
    about["machine"] = (f"{_first_line(machine.QEMU, '--version')}; -machine q35 -cpu {yardstick.CPU} -m {yardstick.MEMORY} -smp 1; "
                        f"for instructions {' '.join(machine.icount_options(machine.Options(icount=True)))}")
    return about


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:,.1f}"


def ratio(one, other):
    return f"{one / other:,.1f}" if one and other else "-"


def table(result, rows, baseline):
    """Lines, the first is the head."""
    ours, theirs = result.get("Bident", {}), result.get("Linux", {})
    column = ours.get("instructions", {})
    before = (baseline or {}).get("Bident", {}).get("instructions", {})
    yield ["row", "Linux", "Bident", "ratio", "wall", "target", "met"] + (["before", "change"] if baseline else [])
    for name in rows:
        target, value = ROWS.get(name, Target()), column.get(name)
        limit = target.limit(column)
        line = [name, number(theirs.get("instructions", {}).get(name)), number(value),
                ratio(theirs.get("instructions", {}).get(name), value),
                ratio(theirs.get("wall_ns", {}).get(name), ours.get("wall_ns", {}).get(name)),
                str(target), "" if limit is None or value is None else "yes" if value <= limit else "NO"]
        if baseline:
            old = before.get(name)
            line += [number(old), f"{100 * (value - old) / old:+.1f} %" if old and value is not None else "-"]
        yield line


def print_table(lines):
    lines = list(lines)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        cells = [line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        print("  ".join(cells).rstrip())


def summary(result, rows):
    column = result.get("Bident", {}).get("instructions", {})
    limits = {name: ROWS[name].limit(column) for name in rows if name in ROWS and name in column}
    missed = [name for name, limit in limits.items() if limit is not None and column[name] > limit]
    wanted = sum(limit is not None for limit in limits.values())
    if wanted:
        yield f"{wanted - len(missed)} of {wanted} targets met" + (f"; not: {', '.join(missed)}" if missed else "")
    ours, theirs = (result.get(name, {}).get("wall_ns", {}) for name in ("Bident", "Linux"))
    both = [name for name in rows if name in ours and name in theirs]
    slower = [name for name in both if ours[name] > theirs[name]]
    if both:
        yield f"by wall time {'no row' if not slower else ', '.join(slower)} slower than on Linux"


# ---- the command line ----

def parse_arguments(argv):
    parser = Parser(prog="tools/bench", description=__doc__, epilog=EPILOG, allow_abbrev=False,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", metavar="A,B", help="only these rows (--list names them; forkbench may have more)")
    parser.add_argument("--list", action="store_true", help="print the rows and their targets, and measure nothing")
    parser.add_argument("--only", choices=["bident", "linux"], help="one of the two kernels")
    parser.add_argument("--samples", type=int, default=15, metavar="N", help="in one run of the benchmark (15)")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="runs of the benchmark (1)")
    parser.add_argument("--no-wall", dest="wall", action="store_false", help="instructions only")
    parser.add_argument("--append", default="", metavar="WORDS", help="words for Bident's command line, such as fork.share=pages")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured")
    parser.add_argument("--baseline", metavar="FILE", help="compare with what --json wrote earlier")
    parser.add_argument("--plot", metavar="FILE.svg", help="draw a fork's cost against the size of memory, for each fork.share")
    arguments = parser.parse_args(argv)
    if not 1 <= arguments.samples <= MOST:
        parser.error(f"--samples: from 1 to {MOST}")
    if arguments.repeat < 1:
        parser.error("--repeat: at least 1")
    if arguments.plot and not arguments.plot.endswith((".svg", ".png")):
        parser.error("--plot: a file named .svg or .png")
    check_output(parser, "--plot", arguments.plot)
    check_output(parser, "--json", arguments.json)
    return arguments


def chosen_rows(arguments):
    if not arguments.rows:
        return list(ROWS)
    rows = [name for name in arguments.rows.split(",") if name]
    for name in rows:
        if name != BOOT:
            yardstick.group_of(name)
    return rows


def with_bases(rows):
    """And those that targets refer to."""
    return set(rows) | {ROWS[name].base for name in rows if name in ROWS and ROWS[name].base}


def read_baseline(path):
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))["kernels"]
    except OSError as error:
        raise Failure(f"--baseline {describe(error)}", machine.EXIT_USAGE) from None
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"--baseline {path}: not a file that --json wrote ({error})", machine.EXIT_USAGE) from None


def compare(arguments):
    rows = chosen_rows(arguments)
    baseline = read_baseline(arguments.baseline) if arguments.baseline else None
    if arguments.plot:
        plot.check()
    program = yardstick.compile_program("forkbench")
    kernels = [kind(program) for kind in (yardstick.Linux, yardstick.Bident)
               if arguments.only in (None, kind.name.lower())]
    for kernel in kernels:
        kernel.append = arguments.append
        if kernel.append and kernel.name == "Bident":
            kernel.run("reps=1 null", True)  # a word that nothing takes ends it here, not after Linux's turn
    about = circumstances(kernels)
    result = measure(arguments, program, kernels, with_bases(rows))
    print(*(f"{what}: {text}" for what, text in about.items()), "", sep="\n")
    print_table(table(result, rows, baseline))
    print("", *summary(result, rows), sep="\n")
    shares = {}
    if arguments.plot:
        note("measuring the settings of fork.share …")
        shares = plot.measure(kernels, arguments.samples)
        plot.draw(shares, arguments.plot)
    if arguments.json:
        contents = {"about": about, "kernels": result, "shares": shares}
        Path(arguments.json).write_text(json.dumps(contents, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


def smp_main(argv):
    parser = Parser(prog="tools/bench smp", allow_abbrev=False, description=smp.__doc__)
    parser.add_argument("--fewer", type=int, default=1, metavar="N", help="CPUs of the one machine (1)")
    parser.add_argument("--more", type=int, default=2, metavar="N", help="CPUs of the other (2)")
    arguments = parser.parse_args(argv)
    smp.compare(arguments.fewer, arguments.more)
    smp.forks()
    return 0


def main():
    argv = sys.argv[1:]
    if argv[:1] == ["smp"]:
        return smp_main(argv[1:])
    if argv[:1] == ["growth"]:
        return growth.main(argv[1:], Parser)
    arguments = parse_arguments(argv)
    if arguments.list:
        print_table([["row", "target"], *([name, str(target)] for name, target in ROWS.items())])
        return 0
    return compare(arguments)


if __name__ == "__main__":
    end_with(main, "tools/bench")
