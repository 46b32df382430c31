"""Machines for the tests: one that most of them share, and fresh ones with options of their own."""

import os
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))

from bident import console, initramfs, machine, userprogs  # noqa: E402

pytest.register_assert_rewrite("side_by_side")  # so that a case that fails shows the difference


USED = {("glibc", "datagrams"), ("glibc", "vdso"), ("glibc", "cow_threads"), ("glibc", "wait_many"), ("glibc", "fpu")}


@pytest.fixture(scope="session")
def tree():
    """The initramfs with some of the programs of tests/user below /tests: it must go into small machines too."""
    userprogs.compile_all()
    tree = initramfs.standard_tree()
    userprogs.add_to(tree, lambda folder, name: folder in ("alone", "static-pie") or (folder, name) in USED)
    return tree


class Guest:
    """What tests ask of a machine, beyond typing lines."""

    def __init__(self, guest):
        self.console = guest
        self.command = guest.command
        self.ok = guest.ok
        self.send = guest.send
        self.expect = guest.expect
        self.wait_prompt = guest.wait_prompt
        self.wait_end = guest.wait_end
        self.power_off = guest.power_off
        self.boot_log = guest.boot_log

    def tasks(self):
        """pid → (parent, state, name) of every task."""
        found = {}
        lines = self.ok("ps").splitlines()
        header = next(i for i, line in enumerate(lines) if line.split()[:3] == ["PID", "TGID", "PPID"])
        for line in lines[header + 1:]:
            fields = line.split()
            if not fields or not fields[0].isdigit():
                continue  # the kernel has said something in between
            found[int(fields[0])] = (int(fields[2]), fields[3], fields[8])
        return found

    def puppets(self):
        return [pid for pid, (_, state, name) in self.tasks().items() if name == "puppet" and state != "Z"]

    def selected(self):
        """The pid of the selected puppet."""
        return int(re.search(r"^ *(\d+) .*<- selected", self.ok("ps"), re.M)[1])

    def fork(self, line="fork"):
        """The pid of the child of a make-command, and all that it said."""
        text = self.ok(line)
        match = re.search(r"^(?:v?fork|clone): (\d+) -> (\d+)\b", text, re.M)
        assert match, f"'{line}' does not name the child:\n{text}"
        return int(match[2]), text

    def account(self):
        """What must be the same before and after: pages that are free or kept by slab caches, objects, tasks, …"""
        text = self.ok("mem")
        match = re.search(r"^free .*\((\d+) pages\)\nslabs +(\d+) KiB in (\d+) objects\n"
                          r"tasks (\d+), pids (\d+), open files (\d+)", text, re.M)
        assert match, text
        free, slab, objects, tasks, pids, files = map(int, match.groups())
        return {"pages": free + slab // 4, "objects": objects, "tasks": tasks, "pids": pids, "files": files}

    def clean_up(self, keep):
        """End every puppet but one. False when that one is not there and idle any more."""
        self.command(f"use {keep}")
        for pid in self.puppets():
            if pid != keep:
                self.command(f"kill SIGKILL {pid}")
        for _ in range(100):
            _, status = self.command("wait")
            if status != 0:
                break
        return self.puppets() == [keep]


class Pool:
    """One running machine, replaced by a new one when a test has killed it or left it in the middle."""

    def __init__(self, tree):
        self._tree = tree
        self._guest = None
        self.keep = None

    def get(self):
        if self._guest is None:
            self._guest = Guest(console.boot(machine.Options(), self._tree))
            self.keep = self._guest.selected()
        return self._guest

    def drop(self):
        if self._guest is not None:
            self._guest.console.close()
            self._guest.console.medium.close()
            self._guest = None


@pytest.fixture(scope="session")
def pool(tree):
    pool = Pool(tree)
    yield pool
    pool.drop()


@pytest.fixture
def guest(pool, request):
    """A machine at its prompt that other tests use too. What a test leaves behind is ended, and counted."""
    guest = pool.get()
    before = guest.account()
    yield guest
    if getattr(request.node, "failed", True):
        pool.drop()
        return
    if not guest.clean_up(pool.keep):
        pool.drop()
        return
    assert_kept(before, guest.account())


def assert_kept(before, after):
    """Nothing leaked, and nothing was given back twice. Page tables of the kernel's own ranges stay for good once
    they were needed: a few pages, and only the first time."""
    lost = before["pages"] - after["pages"]
    assert 0 <= lost <= 4, (before, after)
    assert after == {**before, "pages": after["pages"]}


def pytest_collection_modifyitems(config, items):
    """tools/test -k NAME: any part of the name, whatever characters are in it."""
    only = os.environ.get("BIDENT_ONLY", "").lower()
    chosen = [item for item in items if only in f"system: {item.module.__name__}: {item.name}".lower()]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.failed = report.failed


@pytest.fixture
def boot(tree):
    """boot(memory="64M", …): a machine of one's own; closed after the test."""
    guests = []

    def start(with_tree=None, timeout=120, **options):
        wants = machine.Options(**options)
        guest = console.boot(wants, (with_tree or tree) if wants.initrd else None, timeout)
        guests.append(guest)
        return Guest(guest)

    yield start
    for guest in guests:
        guest.close()
        guest.medium.close()


def settled(guest, before, tries=20):
    """The account once the tasks are gone; what was killed goes in its own time."""
    for _ in range(tries):
        after = guest.account()
        if after["tasks"] <= before["tasks"]:
            break
    return after
