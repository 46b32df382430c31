"""Memory that runs out in one place, chosen by fault injection, of a program that makes one call after the other."""

import re

import pytest

from conftest import assert_kept, settled

PROGRAM = "/tests/alone/failing_calls"
# An allocation that failed may end the program: with exec's error, a signal of the page fault, or that of musl's start.
SITES = ["page", "slab", "kmalloc", "vmalloc", "stack", "fork.pidmap"]


@pytest.mark.parametrize("site", SITES)
def test_each_allocation_fails_once(boot, site):
    """Each pass in turn: no panic, no other error than want of memory, and nothing is lost."""
    guest = boot(debug_checks=True, append="quiet")
    assert guest.ok(PROGRAM) == "done\n"
    guest.ok(PROGRAM)
    before = guest.account()
    done = 0
    for n in range(1, 3000):
        text, _ = guest.command(f"set fail {site}:{n}; {PROGRAM}; set")
        assert "unexpected" not in text and "SIGALRM" not in text, (n, text)
        done += "done" in text
        if not re.search(rf"^fail {re.escape(site)} .*off", text, re.M):
            break
    else:
        raise AssertionError("every pass is reached")
    guest.command(f"set fail {site}:0")  # if it is not this command that finds no memory
    assert done >= n // 2, (done, n)
    assert guest.ok(PROGRAM) == "done\n"
    assert_kept(before, settled(guest, before))
