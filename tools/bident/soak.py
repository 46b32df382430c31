"""Stress, mostly on four CPUs, under many seeds of sched.fuzz. Whatever goes wrong is printed with the command that repeats it."""

import re

from bident import console, initramfs, machine, userprogs

CPUS = 4
TIMEOUT = 120
NIGHTLY = 500   # seeds of `tools/test soak`
ORDINARY = 20   # as a part of all
SEEDS_A_MACHINE = 100
SNAPSHOTS = "/tests/glibc/cow_threads"
# 64 MiB, 2,000 children. Minutes each: while the four write, nearly each step is a fault that waits for the
# lock of their one address space, or for the other CPUs to flush.
FULL_SIZE = SNAPSHOTS + " 64 2000 8"
FULL_TIMEOUT = 1800
SNAPSHOT_SEEDS = 10
LIFETIMES = 60    # seeds of tasks that end while others look at them
HOSTILE = 120     # seeds of random system calls with random arguments, a quarter of a minute each
TRACERS = 200     # seeds of tracers and tracees that are killed, on each number of CPUs


def _cases(nightly):
    """How many CPUs, the seed, and the line."""
    for seed, line in _on_four(nightly):
        yield CPUS, seed, line
    for cpus in (1, 2, 4) if nightly else ():  # a few seeds are in tests/system
        for seed in range(1, TRACERS + 1):
            yield cpus, seed, f"/tests/alone/trace_storm {seed}"
            yield cpus, seed, f"/tests/alone/trace_stress 40 {seed}"


def _on_four(nightly):
    for seed in range(1, (NIGHTLY if nightly else ORDINARY) + 1):
        yield seed, f"/tests/alone/stress {seed} 4"
    for seed in range(1, (SNAPSHOT_SEEDS if nightly else 1) + 1):
        yield seed, FULL_SIZE if nightly else SNAPSHOTS
    for seed in range(1, (LIFETIMES if nightly else 3) + 1):
        yield seed, "/tests/attack/dead_reaper"
    for seed in range(1, (LIFETIMES if nightly else 3) + 1):
        yield seed, "/tests/alone/reached"
        yield seed, f"/tests/alone/epoll_storm {seed}"
    for seed in range(1, (HOSTILE if nightly else 3) + 1):
        yield seed, f"/tests/alone/fuzz_syscalls {seed} 40 300"


def _timeout(line):
    return FULL_TIMEOUT if line == FULL_SIZE else TIMEOUT


def _replay(cpus, seed, line):
    return f"repeat with: tools/run --add-tests --smp {cpus} --append sched.fuzz={seed} --timeout {_timeout(line)} --cmd '{line}'"


def _account(guest):
    """What is in use, as the shell says, but for files that random calls have made somewhere. Pages of half-empty slabs count as free: an object more shows by itself."""
    guest.ok("/bin/busybox sh -c 'rm -rf /tmp/* /tmp/.[!.]* /dev/shm/*'")
    text = guest.ok("mem")
    pages = int(re.search(r"\((\d+) pages\)", text)[1])
    slab_kib, objects = map(int, re.search(r"slabs +(\d+) KiB in (\d+) objects", text).groups())
    tasks, pids, files = map(int, re.search(r"tasks (\d+), pids (\d+), open files (\d+)", text).groups())
    caches = {name: int(active) for name, active in re.findall(r"^(\S+) +\d+ +(\d+)", guest.ok("slabs"), re.M)}
    return {"free pages": pages + slab_kib // 4, "slab objects": objects, "tasks": tasks, "pids": pids, "open files": files, **caches}


def _difference(before, after):
    return ", ".join(f"{what}: {before[what]} before, {after[what]} after" for what in before if before[what] != after[what])


class _Machine:
    """Booted when needed; a new one after a failure and from time to time."""

    def __init__(self, tree):
        self._tree = tree
        self._guest = None
        self._used = 0
        self._cpus = 0

    def run(self, cpus, seed, line):
        """None, or what went wrong."""
        if cpus != self._cpus:
            self.close()
        if self._guest is None:
            self._guest = console.boot(machine.Options(append="quiet=1", smp=cpus), self._tree)
            self._cpus = cpus
            # What is kept once used is not missed later.
            self._guest.ok(SNAPSHOTS if line == FULL_SIZE else line, TIMEOUT)
            self._before = _account(self._guest)
            self._used = 0
        try:
            self._guest.ok(f"set sched.fuzz {seed}")
            output, status = self._guest.command(line, _timeout(line))
            self._guest.ok("set sched.fuzz 0")
            after = _account(self._guest)
        except console.Ended as ended:
            self.close()
            return f"{ended.output}\nthe machine ended: {ended.reason}"
        except TimeoutError as late:
            self.close()
            return f"{late}\ndid not end within {_timeout(line)} s"
        self._used += 1
        if status != 0 or after != self._before:
            self.close()
            return f"{output}status {status}; in use: {_difference(self._before, after) or 'the same'}"
        if self._used == SEEDS_A_MACHINE:
            self.close()
        return None

    def close(self):
        if self._guest is not None:
            self._guest.close()
            self._guest.medium.close()
            self._guest = None


def run(select, report, nightly):
    """`select(name)` chooses cases; `report(ok, name, details)` hears of each."""
    cases = [(f"soak: {line} on {cpus} CPUs under sched.fuzz={seed}", cpus, seed, line) for cpus, seed, line in _cases(nightly)]
    cases = [case for case in cases if select(case[0])]
    if not cases:
        return
    userprogs.compile_all()
    tree = initramfs.standard_tree()
    userprogs.add_to(tree)
    guest = _Machine(tree)
    try:
        for name, cpus, seed, line in cases:
            wrong = guest.run(cpus, seed, line)
            report(wrong is None, name, "" if wrong is None else f"{wrong}\n{_replay(cpus, seed, line)}")
    finally:
        guest.close()
