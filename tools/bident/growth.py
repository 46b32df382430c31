"""tools/bench growth: how the cost of fork, exit and wait grows with memory, areas, tasks, files, threads and CPUs."""

import json
import re
from pathlib import Path

from bident import Failure, check_output, machine, plot, yardstick

KINDS = {
    "memory": ("MiB of memory written", (1, 4, 16, 64, 256, 1024)),
    "areas": ("memory areas", (10, 100, 1000, 10_000, 30_000)),
    "tasks": ("live tasks", (10, 100, 1000, 10_000, 100_000)),
    "files": ("open files", (3, 10, 100, 1000, 10_000)),
    "threads": ("threads of the process", (1, 10, 100, 1000)),
    "cpus": ("CPUs", (1, 2, 3, 4)),
    "watches": ("descriptors in an epoll set", (10, 100, 1000, 10_000, 100_000)),
    "mappings": ("mappings", (10, 100, 1000, 10_000, 100_000)),
}
# What is measured beside fork, exit and wait, or instead of them.
PARTS = {
    "tasks": {"create": "create, each", "reap": "reap, each", "bytes": "memory, each", "wait": "wait for an ended one",
              "wait_jobs": "wait for stops, none"},
    "watches": {"close": "close of another file", "epoll_ctl": "epoll_ctl, del and add", "epoll_wait": "epoll_wait, none ready"},
    "mappings": {"mmap": "mmap", "mmap_fixed": "mmap into a hole", "munmap": "munmap of one", "mprotect": "mprotect of one"},
}
NO_FORK = ("watches", "mappings")
MEMORY = "8G"  # 100,000 children that write take six
WORDS_MOST = 24  # in one run: Linux hands no more than 32 to its init
# With more CPUs under -icount it takes hours to start.
LINUX_MOST = {"cpus": 1}


def sizes(kernel, kind, limit):
    most = LINUX_MOST.get(kind, limit) if kernel.name == "Linux" else limit
    return [n for n in KINDS[kind][1] if n <= min(limit, most)]


def _parse(output):
    if "growth done" not in output:
        raise Failure(f"{output}the benchmark did not come to its end")
    return {(kind, int(n)): float(value) for kind, n, value in re.findall(r"^growth (\w+) (\d+) (\d+) \d+$", output, re.M)}


def measure(kernel, kinds, limit):
    """{(kind, n): instructions}."""
    found = {}
    words = [f"{kind}={n}" for kind in kinds if kind != "cpus" for n in sizes(kernel, kind, limit)]
    for first in range(0, len(words), WORDS_MOST):
        some = " ".join(words[first:first + WORDS_MOST])
        found.update(_parse(kernel.run(f"room {some}", True, timeout=1200, memory=MEMORY)))
    for n in sizes(kernel, "cpus", limit) if "cpus" in kinds else ():
        found.update(_parse(kernel.run(f"cpus={n}", True, timeout=600, memory=MEMORY, smp=n)))
    return found


def huge_memory(kernels, mebibytes):
    """Milliseconds of wall time, in a machine with room for the memory and its copy's tables."""
    for kernel in kernels:
        output = kernel.run(f"memory={mebibytes}", False, timeout=1200, memory=f"{mebibytes // 1024 + 2}G")
        speed, least = (re.search(pattern, output, re.M) for pattern in (r"^info tsc_per_us (\d+)", r"^growth memory \d+ \d+ (\d+)$"))
        if not speed or not least:
            raise Failure(f"{output}the benchmark did not come to its end")
        print(f"memory {mebibytes:,} MiB, wall time: {kernel.name} {int(least[1]) / int(speed[1]) / 1000:,.3f} ms")


def print_kind(found, title, kind, numbers):
    print(f"{title:>24} " + "".join(f"{name:>16}" for name in found))
    for n in numbers:
        cells = (f"{column[kind, n]:,.0f}" if (kind, n) in column else "-" for column in found.values())
        print(f"{n:>24,} " + "".join(f"{cell:>16}" for cell in cells))
    print()


def main(argv, parser_class):
    parser = parser_class(prog="tools/bench growth", allow_abbrev=False, description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)} (all)")
    parser.add_argument("--only", choices=["bident", "linux"], help="one of the two kernels")
    parser.add_argument("--limit", type=int, default=1_000_000, metavar="N", help="leave out sizes above N")
    parser.add_argument("--huge", type=int, metavar="MiB", help="also the wall time of a fork with this much memory, such as 8192")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured")
    parser.add_argument("--plot", metavar="FILE.svg", help="draw it")
    arguments = parser.parse_args(argv)
    for kind in arguments.kinds:
        if kind not in KINDS:
            parser.error(f"no '{kind}' to grow; there are {', '.join(KINDS)}")
    if arguments.plot and not arguments.plot.endswith((".svg", ".png")):
        parser.error("--plot: a file named .svg or .png")
    check_output(parser, "--plot", arguments.plot)
    check_output(parser, "--json", arguments.json)
    if arguments.plot:
        plot.check()
    kinds = arguments.kinds or list(KINDS)
    program = yardstick.compile_program("growth")
    kernels = [kind(program) for kind in (yardstick.Linux, yardstick.Bident) if arguments.only in (None, kind.name.lower())]
    found = {kernel.name: measure(kernel, kinds, arguments.limit) for kernel in kernels}
    print("instructions for fork, exit and wait of a child that writes to its stack "
          f"({' '.join(machine.icount_options(machine.Options(icount=True)))}, {MEMORY})\n")
    for kind in kinds:
        if kind not in NO_FORK:
            print_kind(found, KINDS[kind][0], kind, KINDS[kind][1])
        for part, title in PARTS.get(kind, {}).items():
            print_kind(found, title, part, KINDS[kind][1])
    if arguments.huge:
        huge_memory(kernels, arguments.huge)
    if arguments.plot:
        lines = {KINDS[kind][0]: {name: [(n, column[kind, n]) for n in KINDS[kind][1] if (kind, n) in column]
                                  for name, column in found.items()} for kind in kinds if kind not in NO_FORK}
        plot.draw_growth(lines, arguments.plot)
    if arguments.json:
        contents = {name: {f"{kind} {n}": value for (kind, n), value in column.items()} for name, column in found.items()}
        Path(arguments.json).write_text(json.dumps(contents, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0
