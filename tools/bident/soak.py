"""Stress on four CPUs under many seeds of sched.fuzz. Whatever goes wrong is printed with the command that repeats it."""

import re

from bident import console, initramfs, machine, userprogs

CPUS = 4
TIMEOUT = 120
NIGHTLY = 500   # seeds of `tools/test soak`
ORDINARY = 20   # as a part of all
SNAPSHOTS = 10  # seeds of the program that forks while others write, ten seconds each; in all: one
SEEDS_A_MACHINE = 100


def _cases(nightly):
    for seed in range(1, (NIGHTLY if nightly else ORDINARY) + 1):
        yield seed, f"/tests/alone/stress {seed} 4"
    for seed in range(1, (SNAPSHOTS if nightly else 1) + 1):
        yield seed, "/tests/glibc/cow_threads"


def _replay(seed, line):
    return f"repeat with: tools/run --add-tests --smp {CPUS} --append sched.fuzz={seed} --timeout {TIMEOUT} --cmd '{line}'"


class _Machine:
    """Booted when needed; a new one after a failure and from time to time."""

    def __init__(self, tree):
        self._tree = tree
        self._guest = None
        self._used = 0

    def run(self, seed, line):
        """None, or what went wrong."""
        if self._guest is None:
            self._guest = console.boot(machine.Options(append="quiet=1", smp=CPUS), self._tree)
            self._guest.ok(line, TIMEOUT)  # what is kept once used is not missed later
            self._before = self._tasks()
            self._used = 0
        try:
            self._guest.ok(f"set sched.fuzz {seed}")
            output, status = self._guest.command(line, TIMEOUT)
            self._guest.ok("set sched.fuzz 0")
            after = self._tasks()
        except console.Ended as ended:
            self.close()
            return f"{ended.output}\nthe machine ended: {ended.reason}"
        except TimeoutError as late:
            self.close()
            return f"{late}\ndid not end within {TIMEOUT} s"
        self._used += 1
        if status != 0 or after != self._before:
            self.close()
            return f"{output}status {status}; tasks, pids and files {after}, before {self._before}"
        if self._used == SEEDS_A_MACHINE:
            self.close()
        return None

    def _tasks(self):
        """What is there: tasks, pids and open files."""
        return re.search(r"tasks (\d+), pids (\d+), open files (\d+)", self._guest.ok("mem")).groups()

    def close(self):
        if self._guest is not None:
            self._guest.close()
            self._guest.medium.close()
            self._guest = None


def run(select, report, nightly):
    """`select(name)` chooses cases; `report(ok, name, details)` hears of each."""
    cases = [(f"soak: {line} under sched.fuzz={seed}", seed, line) for seed, line in _cases(nightly)]
    cases = [case for case in cases if select(case[0])]
    if not cases:
        return
    userprogs.compile_all()
    tree = initramfs.standard_tree()
    userprogs.add_to(tree)
    guest = _Machine(tree)
    try:
        for name, seed, line in cases:
            wrong = guest.run(seed, line)
            report(wrong is None, name, "" if wrong is None else f"{wrong}\n{_replay(seed, line)}")
    finally:
        guest.close()
