"""QEMU's plugin profile_plugin.c: compiling it, its options, and the record that it leaves of one run."""

import dataclasses
import os
import re
import subprocess

from bident import ROOT, Failure, build

SOURCE = ROOT / "tools" / "bident" / "profile_plugin.c"
LIBRARY = ROOT / "build" / "profile.so"


def compile_plugin():
    with build.checkout_lock():
        if LIBRARY.exists() and LIBRARY.stat().st_mtime > SOURCE.stat().st_mtime:
            return
        LIBRARY.parent.mkdir(exist_ok=True)
        temporary = LIBRARY.with_suffix(".tmp")
        result = subprocess.run(["/usr/bin/gcc", "-O2", *build.warning_flags(), "-shared", "-fPIC", "-o", str(temporary),
                                 str(SOURCE)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode != 0:
            raise Failure(f"{result.stdout.rstrip()}\ncompiling {SOURCE.name} failed")
        os.replace(temporary, LIBRARY)


def functions(elf):
    """name → address, in the order of addresses; of NASM's labels only those that are no part of another."""
    listing = subprocess.run(["nm", "-n", str(elf)], capture_output=True, text=True, check=True).stdout
    fields = (line.split() for line in listing.splitlines())
    return {f[2]: int(f[0], 16) for f in fields
            if len(f) == 3 and f[1] in "tTwW" and ("." not in f[2] or re.search(r"\.(constprop|isra|part|cold|lto_priv)\b", f[2]))}


def variables(elf):
    """[(address, size, name)] of the kernel's data, in the order of addresses."""
    listing = subprocess.run(["nm", "-n", "-S", str(elf)], capture_output=True, text=True, check=True).stdout
    fields = (line.split() for line in listing.splitlines())
    return [(int(f[0], 16), int(f[1], 16), f[3].partition(".")[0]) for f in fields if len(f) == 4 and f[2] in "bBdD"]


def ram_options(folder, size):
    """Words for QEMU's command line: the machine's memory is the file folder/ram, where the plugin reads of which class a lock is."""
    with open(f"{folder}/ram", "wb") as file:
        file.truncate(size)
    return ["-object", f"memory-backend-file,id=ram,size={size},mem-path={folder}/ram,share=on", "-machine", "memory-backend=ram"]


def qemu_options(folder, kernel=None, program=None, cuts=(), ram=False):
    """Words for QEMU's command line. `kernel`, `program`: functions of each; the record will be folder/record."""
    words = [str(LIBRARY), f"out={folder}/record"]
    if kernel:
        with open(f"{folder}/symbols", "w", encoding="ascii") as file:
            # Without the marks of a compiler's variant: "drop.isra.0" is drop.
            file.writelines(f"{address:x} {name.partition('.')[0]}\n" for name, address in kernel.items())
        words.append(f"symbols={folder}/symbols")
    if program:
        words += [f"low={program['_start']:x}", f"high={program['_fini']:x}", f"mark={program['line']:x}"]
    if ram:
        words.append(f"ram={folder}/ram")
    return ["-plugin", ",".join(words + [f"cut={address:x}" for address in cuts])]


@dataclasses.dataclass
class Segment:
    site: int    # the address that ended it
    marks: int   # calls of the marked function before that
    end: int     # instructions since the machine started
    counts: list # "node:instructions"
    under: list = () # "set of locks:instructions"


class Record:
    def __init__(self, folder):
        self.names, self.parents, self.segments, self.locks = {0: ""}, {0: None}, [], {0: []}
        try:
            with open(f"{folder}/record", encoding="ascii") as file:
                for line in file:
                    kind, *fields = line.split()
                    if kind == "node":
                        self.names[int(fields[0])], self.parents[int(fields[0])] = fields[2], int(fields[1])
                    elif kind == "locks":
                        self.locks[int(fields[0])] = fields[1:]
                    elif kind == "under":
                        self.segments[-1].under = fields
                    else:
                        self.segments.append(Segment(int(fields[0], 16), int(fields[1]), int(fields[2]), fields[3:]))
        except (OSError, ValueError, IndexError):
            raise Failure("the profiled machine left no whole record") from None

    def path(self, node):
        """Names from the outermost function to this."""
        names = []
        while node:
            names.append(self.names[node])
            node = self.parents[node]
        return names[::-1]

    def end_at(self, site):
        """Index of the first segment that ended at this address."""
        for index, segment in enumerate(self.segments):
            if segment.site == site:
                return index
        raise Failure(f"the profiled machine never came to {site:#x}")

    def sum(self, spans, what="counts"):
        """node → instructions of the segments first + 1 … last of each span; or set of locks → instructions (`under`)."""
        total = {}
        for first, last in spans:
            for segment in self.segments[first + 1:last + 1]:
                for entry in getattr(segment, what):
                    node, count = map(int, entry.split(":"))
                    total[node] = total.get(node, 0) + count
        return total
