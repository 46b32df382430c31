"""How much sooner more CPUs are done with a load than few: `tools/bench smp`."""

import os
import time
from pathlib import Path

from bident import console, initramfs, machine, userprogs

TASKS = 4
MILLIONS = 400  # of steps each: some seconds of one emulated CPU
ROUNDS = 3


def _machines(cpus):
    userprogs.compile_all()
    tree = initramfs.standard_tree()
    userprogs.add_to(tree)
    return {n: console.boot(machine.Options(append="quiet=1", smp=n), tree) for n in cpus}


def _thread_seconds(guest):
    """Host processor time of each thread of the emulator: a CPU that idles takes none."""
    times = {}
    for stat in Path(f"/proc/{guest.pid}/task").glob("*/stat"):
        fields = stat.read_text().rpartition(")")[2].split()
        times[stat.parent.name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return times


def _measure(guest, line):
    """(wall time, processor time of the busiest thread) in seconds."""
    before, began = _thread_seconds(guest), time.monotonic()
    guest.ok(line, 600)
    wall, after = time.monotonic() - began, _thread_seconds(guest)
    return wall, max(after[thread] - before.get(thread, 0) for thread in after)


def compare(fewer, more):
    """How much sooner a load of four tasks that only compute ends with more CPUs. The least of some rounds each,
    in turns, for what else runs on this machine only takes time away. The processor time of the busiest emulated
    CPU says how even the load was, also when this machine is busy."""
    guests = _machines((fewer, more))
    best = {n: (float("inf"), float("inf")) for n in guests}
    try:
        for _ in range(ROUNDS):
            for n, guest in guests.items():
                wall, busiest = _measure(guest, f"/tests/alone/load {TASKS} {MILLIONS}")
                print(f"--smp {n}: {wall:.2f} s; busiest CPU {busiest:.2f} s; load of this machine {os.getloadavg()[0]:.1f}",
                      flush=True)
                best[n] = min(best[n][0], wall), min(best[n][1], busiest)
    finally:
        for guest in guests.values():
            guest.close()
            guest.medium.close()
    print(f"{TASKS} tasks, --smp {more} against --smp {fewer}: {best[fewer][0] / best[more][0]:.2f} times sooner "
          f"({best[fewer][0]:.2f} s, {best[more][0]:.2f} s); by the busiest CPU's time {best[fewer][1] / best[more][1]:.2f}; "
          f"QEMU's multi-threaded TCG on {os.cpu_count()} host CPUs")
