"""sched.fuzz: seeded preemption, and runs that can be repeated."""

import re

from bident import console, machine


def signature(seed, cpus):
    """What a run of the pid suite says of its preemptions."""
    options = machine.Options(append=f"test=pid sched.fuzz={seed} quiet=1", initrd=False, smp=cpus, icount=True)
    with machine.Medium(options) as medium, console.Console(medium) as guest:
        ended = guest.wait_end(120)
    assert ended.status == 0, ended.output
    match = re.search(rf"^# sched.fuzz={seed}: (\d+) preemptions at (\d+) places, signature (\w+)", ended.output, re.M)
    assert match and int(match[1]) > 0, ended.output
    return match.groups()


def test_same_seed_same_run():
    first = signature(7, 1)
    assert signature(7, 1) == first
    assert signature(8, 1) != first
