"""Debian's strace and ltrace, as packaged, print on Bident what they print on Linux; and tracers and tracees are killed."""

import re

import pytest

from conftest import assert_kept, settled
from side_by_side import assert_same, cases, machines  # noqa: F401

CASES = list(cases("strace", "ltrace"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_same(machines, case):
    assert_same(machines, case)


def test_nothing_is_left(machines):
    """Of tracers and tracees that were killed, and of a fork bomb under strace."""
    names = ["strace: fork bomb", "strace: strace is killed", "strace: strace -f of strace -f", "ltrace: attached"]
    chosen = [case for case in CASES if case.id in names]
    assert len(chosen) == len(names)
    before, after = (machines[1].account_after(chosen) for _ in range(2))
    assert_kept(before, after)


@pytest.mark.parametrize("options", [{"smp": 1}, {"smp": 2, "debug_checks": True}, {"smp": 4}], ids=["1 CPU", "2 CPUs, debug", "4 CPUs"])
def test_tracers_and_tracees_killed(boot, options):
    """In each kind of stop, and at random: nothing is left, and nothing is left stopped."""
    guest = boot(**options)
    lines = ["/tests/alone/trace_storm {}", "/tests/alone/trace_stress 40 {}"]
    for line in lines:
        guest.ok(line.format(99), timeout=300)
    before = guest.account()
    for seed in (1, 2):
        guest.ok(f"set sched.fuzz {seed}")
        for line in lines:
            assert re.search(r"all ended", guest.ok(line.format(seed), timeout=300))
    guest.ok("set sched.fuzz 0")
    assert_kept(before, settled(guest, before))
    guest.fork()
