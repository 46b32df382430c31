"""How much faster a load runs on more CPUs, and how many forks a second they make: `tools/bench smp`."""

import os
import re
import time
from pathlib import Path

from bident import console, initramfs, machine, userprogs

TASKS = 4
MILLIONS = 400  # of steps each: some seconds of one emulated CPU
ROUNDS = 3
FORKERS = (1, 2, 3, 4)  # tasks that fork, exit and wait in a loop
FORK_CPUS = (1, 2, 3, 4)
FORK_MS = 1000
LEAST_SHARE = 0.8       # of what two CPUs do, four do at least, though the host has but two


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


def _fork_rate(guest, tasks):
    return int(re.search(r"(\d+) forks a second", guest.ok(f"/tests/alone/fork_rate {tasks} {FORK_MS}", 60))[1])


def forks():
    """{(CPUs, tasks): forks a second}, printed as a table: the most of some rounds each."""
    best = {}
    for n in FORK_CPUS:
        guest = _machines((n,))[n]
        try:
            for _ in range(ROUNDS):
                for tasks in FORKERS:
                    best[n, tasks] = max(best.get((n, tasks), 0), _fork_rate(guest, tasks))
        finally:
            guest.close()
            guest.medium.close()
    print(f"forks a second, on {os.cpu_count()} host CPUs; load of this machine {os.getloadavg()[0]:.1f}")
    print(f"{'':10}" + "".join(f"{tasks} task{'s' if tasks > 1 else '':1} ".rjust(10) for tasks in FORKERS))
    for n in FORK_CPUS:
        print(f"--smp {n:<4}" + "".join(f"{best[n, tasks]:9,} " for tasks in FORKERS))
    worst = min(best[4, tasks] / best[2, tasks] for tasks in FORKERS)
    print(f"--smp 4 against --smp 2: {worst:.2f} at the least (wanted: {LEAST_SHARE})")
    return best
