"""Locks held for too long and CPUs that stopped answering: said once, with the backtraces of both sides."""

import re

import pytest

# What is said; a function of who noticed; one of who is to blame.
REPORTS = {
    "lock": (r"spinlock .*\(FS\): CPU 0 waits at wait_for_lock.* CPU 1 holds it, from hold_lock", "wait_for_lock", "hold_lock"),
    "hold": (r"spinlock .*\(FS\), taken at hold_lock\S*, was held for 2\d\d\d ms", "hold_lock", None),
    "mutex": (r"mutex .*\(PIPE\) has been held for more than a second", "wait_for_mutex", "hold_mutex"),
    "cpu": (r"CPU 1 has taken no interrupt", "stall_tick", "stop_interrupts"),
    "flush": (r"CPU 1 does not answer: asked to flush its TLB", "want_flush", "stop_interrupts"),
}


def check(report, kind):
    said, noticed, to_blame = REPORTS[kind]
    mine = [part for part in re.findall(r"stall: .*?end of stall", report, re.S) if re.search(said, part)]
    assert len(mine) == 1, report  # once, however long it lasts
    first, _, second = mine[0].partition("to blame")
    assert noticed in first, report
    assert to_blame is None or to_blame in second, report


@pytest.mark.parametrize("kind", REPORTS)
def test_stall(boot, kind):
    guest = boot(debug_checks=True, smp=2, initrd=False)
    check(guest.ok(f"stall {kind}", timeout=300), kind)
    assert "CLASS" in guest.ok("locks")


def test_long_queue(boot):
    """Who waits long because many are ahead of him has nobody to accuse."""
    guest = boot(debug_checks=True, smp=2, initrd=False)
    assert "stall:" not in guest.ok("stall queue", timeout=300)


def test_longest_hold(boot):
    guest = boot(debug_checks=True, smp=2, initrd=False)
    guest.ok("stall lock", timeout=300)
    line = re.search(r"^FS +(\d+) +(\d+) +hold_lock", guest.ok("locks"), re.M)
    assert line and int(line[1]) >= 1 and 2_000_000 < int(line[2]) < 10_000_000


def test_lock_without_checks(boot):
    """Any kernel reports a lock that is held for long, names the CPU that holds it, and goes on."""
    guest = boot(smp=3, initrd=False)
    for seconds in ("", " 12"):  # longer than anything is allowed to take in a debug build
        report = guest.ok(f"stall lock{seconds}", timeout=120)
        mine = re.findall(r"stall: spinlock .*?end of stall", report, re.S)
        assert len(mine) == 1, report
        assert re.search(r"\(FS\): CPU 0 waits at wait_for_lock.* CPU 1 holds it", mine[0]), report
        assert "hold_lock" in mine[0].partition("to blame, CPU 1")[2], report


def test_flush_without_checks(boot):
    """A CPU that does not answer is reported by any kernel."""
    guest = boot(smp=2, initrd=False)
    check(guest.ok("stall flush", timeout=300), "flush")
    assert "debug_checks" in guest.ok("locks")
