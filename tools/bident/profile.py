"""tools/profile: where the instructions of one row of the benchmark go, by function of the kernel."""

import argparse
import bisect
import re
import statistics
import tempfile
from pathlib import Path

from bident import ROOT, Failure, Parser, check_output, end_with, flame, plugin, yardstick

BOOT = "boot"
SHELL_PROMPT = "edit_begin"  # the shell's editor starts a line: its prompt is printed
LOCK_CLASSES = ROOT / "kernel" / "lib" / "locks.def"
EACH_CPUS = ("run_queue", "timer_base")  # locks of which each CPU has one
HASHED = ("pid_locks",)              # arrays of locks, each for some of the objects; other locks that have a name are one for all
ALL_CPUS_CLASSES = ("SLAB",)         # and so are those of these classes
DIVISORS = (1, 100, 200, 300, 400, 500, 1000, 1023, 1024)  # operations that forkbench does between two looks at the clock
EPILOG = """\
The row runs on Bident under icount, while a plugin of QEMU follows calls and returns. The two `rdtsc` of the benchmark that
enclose an operation are found by comparison with the figure that the benchmark prints. `boot` is from the kernel's first
instruction to the shell's first prompt. Figures are instructions for one operation; `user` is the program's own code.
--locks counts the instructions that run while a spinlock is held, under each lock that is held; mutexes are not followed.
"""


def find_spans(segments, row):
    """(spans, operations in each): indices into segments, whose ends are the two looks at the clock of one sample."""
    best = None
    for epoch in sorted({s.marks for s in segments if s.site and s.marks <= row.marks}, reverse=True):
        timed = [i for i, s in enumerate(segments) if s.site and s.marks == epoch]
        sites = [segments[i].site for i in timed]
        often = [site for site in dict.fromkeys(sites) if sites.count(site) >= row.samples]
        for begin in often:
            for end in often:
                # The first look at the clock begins a round: no sample reaches over it.
                if end in (begin, often[0]):
                    continue
                spans = pairs(segments, timed, begin, end)[-row.samples:]
                fit = fitting(segments, spans, row) if len(spans) == row.samples else None
                if fit and (best is None or fit[0] < best[0]):
                    best = (*fit, spans)
        if best or row.marks - epoch > 4:
            break
    if not best:
        raise Failure("no two looks at the clock fit the figure that the benchmark prints")
    return without_outliers(segments, best[2]), best[1]


def pairs(segments, timed, begin, end):
    spans, start = [], None
    for i in timed:
        if segments[i].site == begin:
            start = i
        elif segments[i].site == end and start is not None:
            spans.append((start, i))
            start = None
    return spans


def length(segments, span):
    return segments[span[1]].end - segments[span[0]].end


def fitting(segments, spans, row):
    """(error, operations in each) when the median of these is what the row says."""
    middle = statistics.median(length(segments, span) for span in spans)
    fits = [(abs(middle / n - row.median) / max(row.median, 1), n) for n in DIVISORS]
    return min((fit for fit in fits if fit[0] < 0.02), default=None)


def without_outliers(segments, spans):
    """A sample that an interrupt or the first use of something fell into says little."""
    middle = statistics.median(length(segments, span) for span in spans)
    return [span for span in spans if abs(length(segments, span) - middle) <= middle * 0.05] or spans


class Profile:
    """Instructions of one operation: `folded` {path of functions: count}, `own` and `with_callees` {function: count}."""

    def __init__(self, record, spans, operations):
        scale = 1 / (len(spans) * operations)
        self.samples, self.operations = len(spans), operations
        self.folded, self.own, self.with_callees = {}, {}, {}
        for node, count in record.sum(spans).items():
            path = tuple(record.path(node)) or ("other",)
            self.folded[path] = self.folded.get(path, 0) + count * scale
            self.own[path[-1]] = self.own.get(path[-1], 0) + count * scale
            for name in set(path):
                self.with_callees[name] = self.with_callees.get(name, 0) + count * scale
        self.total = sum(self.own.values())

    def count_locks(self, record, spans, variables):
        """`locks` {name: instructions under it}, `under_shared`: those under at least one lock that all CPUs share."""
        names = LockNames(variables)
        self.locks, self.under_shared = {}, 0
        for lock_set, count in record.sum(spans, "under").items():
            held = {names.of(lock) for lock in record.locks[lock_set]}
            instructions = count / (len(spans) * self.operations)
            for lock in held:
                self.locks[lock] = self.locks.get(lock, 0) + instructions
            if any(shared for _, shared in held):
                self.under_shared += instructions

    def lock_table(self):
        yield f"{'under it':>12} {'':6}  spinlock"
        for (name, shared), count in sorted(self.locks.items(), key=lambda lock: (-lock[1], lock[0])):
            yield f"{count:12.1f} {100 * count / self.total:5.1f}%  {name}{', one for all CPUs' if shared else ''}"
        yield f"{self.under_shared:12.1f} {100 * self.under_shared / self.total:5.1f}%  any that is one for all CPUs"

    def folded_lines(self):
        """Brendan Gregg's format; in hundredths, since counts there are whole numbers."""
        return [f"{';'.join(path)} {round(count * 100)}" for path, count in sorted(self.folded.items()) if round(count * 100)]

    def table(self, top, inclusive):
        key = self.with_callees if inclusive else self.own
        yield f"{'self':>12} {'':6} {'with callees':>13}  function"
        for name in sorted(key, key=lambda name: (-key[name], name))[:top]:
            own = self.own.get(name, 0)
            yield f"{own:12.1f} {100 * own / self.total:5.1f}% {self.with_callees[name]:13.1f}  {name}"

    def tree(self, least=0.002):
        """Lines of the call tree, heaviest first; branches below this share of the whole are left out."""
        sums = {}
        for path, count in self.folded.items():
            for depth in range(1, len(path) + 1):
                sums[path[:depth]] = sums.get(path[:depth], 0) + count
        def below(path):
            kids = [kid for kid in sums if len(kid) == len(path) + 1 and kid[:len(path)] == path and sums[kid] >= least * self.total]
            for kid in sorted(kids, key=lambda kid: -sums[kid]):
                yield f"{sums[kid]:12.1f} {self.folded.get(kid, 0):12.1f}  {'  ' * len(path)}{kid[-1]}"
                yield from below(kid)
        yield f"{'with callees':>12} {'self':>12}  call tree"
        yield from below(())


class LockNames:
    def __init__(self, variables):
        self._variables = variables
        self._addresses = [address for address, _, _ in variables]
        self._classes = ["none", *re.findall(r"^LOCK_CLASS\((\w+)\)", LOCK_CLASSES.read_text(), re.M)]

    def of(self, lock):
        """(name, whether all CPUs share it) of a lock as the plugin writes it: its address, or the number of its class."""
        if lock.startswith("class"):
            name = self._classes[int(lock.removeprefix("class"))]
            return f"{name} (of an object)", name in ALL_CPUS_CLASSES
        address = int(lock, 16)
        start, size, name = self._variables[bisect.bisect_right(self._addresses, address) - 1]
        if not start <= address < start + size:
            raise Failure(f"no variable of the kernel lies at {lock}")
        if name in EACH_CPUS:
            return f"{name} (of a CPU)", False
        return (f"{name} (of some objects)", False) if name in HASHED else (name, True)


def boot_cuts(kernel):
    functions = plugin.functions(kernel)
    if SHELL_PROMPT not in functions or "boot_start" not in functions:
        raise Failure(f"the kernel has no function boot_start or {SHELL_PROMPT}")
    return functions["boot_start"], functions[SHELL_PROMPT]


def profile_row(name, repeats, append="", locks=False):
    """(figure the benchmark prints or None, Profile)."""
    plugin.compile_plugin()
    program = yardstick.compile_program("forkbench")
    words = "null reps=1" if name == BOOT else yardstick.words_for([name], repeats)
    cuts, variables = [], []
    with tempfile.TemporaryDirectory(prefix="bident-") as folder:
        def options(kernel):
            if name == BOOT:
                cuts.extend(boot_cuts(kernel))
            words = plugin.qemu_options(folder, plugin.functions(kernel), plugin.functions(program), cuts, ram=locks)
            if not locks:
                return words
            variables.extend(plugin.variables(kernel))
            return words + plugin.ram_options(folder, int(yardstick.MEMORY.removesuffix("G")) << 30)
        output = yardstick.Bident(program).run(words, True, timeout=1200, append=append, extra=options)
        record = plugin.Record(folder)
    if name == BOOT:
        median, spans, operations = None, [tuple(map(record.end_at, cuts))], 1
    else:
        rows, _ = yardstick.parse(output)
        if name not in rows:
            raise Failure(f"{output}the benchmark did not print {name}")
        median, (spans, operations) = rows[name].median, find_spans(record.segments, rows[name])
    profile = Profile(record, spans, operations)
    if locks:
        profile.count_locks(record, spans, variables)
    return median, profile


def main():
    parser = Parser(prog="tools/profile", description=__doc__, epilog=EPILOG, allow_abbrev=False,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", help="a row of tools/bench with a time, such as fork_exit_wait; or boot")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="samples (5)")
    parser.add_argument("--top", type=int, default=40, metavar="N", help="functions in the table (40)")
    parser.add_argument("--inclusive", action="store_true", help="sort by what a function and its callees take")
    parser.add_argument("--locks", action="store_true", help="how many instructions run under each spinlock, instead of by function")
    parser.add_argument("--tree", action="store_true", help="print the tree of calls as well")
    parser.add_argument("--folded", metavar="FILE", help="write folded stacks, in hundredths of an instruction")
    parser.add_argument("--svg", metavar="FILE", help="write a flame graph")
    parser.add_argument("--append", default="", metavar="WORDS", help="words for the kernel's command line")
    arguments = parser.parse_args()
    if not 1 <= arguments.repeat <= 40:
        parser.error("--repeat: from 1 to 40")
    if arguments.top < 1:
        parser.error("--top: at least 1")
    check_output(parser, "--folded", arguments.folded)
    check_output(parser, "--svg", arguments.svg)
    if arguments.row != BOOT and yardstick.group_of(arguments.row) == "fan" and arguments.row.endswith("_mem_per_child"):
        parser.error(f"{arguments.row} is no time")
    printed, profile = profile_row(arguments.row, arguments.repeat, arguments.append, arguments.locks)
    said = "" if printed is None else f"; the benchmark says {printed:,.2f}"
    print(f"{arguments.row}: {profile.total:,.1f} instructions for one operation{said} ({profile.samples} samples of {profile.operations})")
    for line in profile.lock_table() if arguments.locks else profile.table(arguments.top, arguments.inclusive):
        print(line)
    if arguments.tree:
        print(*profile.tree(), sep="\n")
    if arguments.folded:
        Path(arguments.folded).write_text("\n".join(profile.folded_lines()) + "\n", encoding="ascii")
    if arguments.svg:
        Path(arguments.svg).write_text(flame.graph(profile.folded, f"{arguments.row}: {profile.total:,.0f} instructions"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    end_with(main, "tools/profile")
