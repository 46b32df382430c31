"""Debian's perf counts software events of a program, with and without what it forks."""

import re

from bident import initramfs, packages, userprogs
from conftest import assert_kept, settled

TOUCH = "/tests/glibc/perf_events touch"  # some hundred page faults


def _counts(guest, options, script):
    text = guest.ok(f'/usr/bin/perf stat -x, {options} -- /bin/busybox sh -c "{script}"')
    return {line.split(",")[2]: line.split(",")[0] for line in text.splitlines() if line.count(",") > 2}


def test_perf_stat(boot):
    userprogs.compile_all()
    tree = initramfs.standard_tree()
    packages.add_to(tree, ["linux-perf"])
    userprogs.add_to(tree, lambda folder, name: name == "perf_events")
    guest = boot(with_tree=tree, memory="1G")
    text = guest.ok(f"/usr/bin/perf stat {TOUCH}")
    for event in ("task-clock", "context-switches", "cpu-migrations", "page-faults"):
        assert re.search(rf"^ +[\d.,]+ +(?:msec )?{event}\b", text, re.M), text
    assert re.search(r"^ +<not supported> +cycles", text, re.M), text

    events = "-e page-faults,task-clock,context-switches"
    once = _counts(guest, events, f"{TOUCH}; true")
    twice = _counts(guest, events, f"{TOUCH}; {TOUCH}; true")
    alone = _counts(guest, f"-i {events}", f"{TOUCH}; {TOUCH}; true")
    assert int(twice["page-faults"]) > int(once["page-faults"]) + 64
    assert int(alone["page-faults"]) < int(once["page-faults"]) - 32
    assert int(once["context-switches"]) > 0  # a shell that waits
    assert float(once["task-clock"]) > 0

    # Each allocation of a program that opens and reads many events fails in turn.
    guest.command("/tests/glibc/perf_events")
    before = guest.account()
    for site in ("kmalloc", "slab", "page"):
        for n in range(1, 100, 9):
            guest.ok(f"set fail {site}:{n}")
            guest.command("/tests/glibc/perf_events", 60)
            guest.command(f"set fail {site}:0")
    assert_kept(before, settled(guest, before))
