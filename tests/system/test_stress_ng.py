"""Debian's stress-ng, with the stressors that are about processes: each ends well and nothing is lost."""

import pytest

from bident import console, initramfs, machine, packages, userprogs
from conftest import Guest, assert_kept

# A bounded number of operations each; `yield` and `exec` run their full time whatever they are told, on Linux too.
STRESSORS = [
    "--fork 2 --fork-ops 300", "--vfork 2 --vfork-ops 300", "--clone 2 --clone-ops 200", "--pthread 1 --pthread-ops 20 --pthread-max 32",
    "--zombie 1 --zombie-ops 200", "--wait 1 --wait-ops 10", "--kill 1 --kill-ops 300",
    "--sigchld 1 --sigchld-ops 200", "--switch 2 --switch-ops 2000", "--pipe 2 --pipe-ops 2000",
    "--futex 2 --futex-ops 500", "--yield 2 --yield-ops 1000 --timeout 3", "--brk 1 --brk-ops 2000",
    "--mmapfork 1 --mmapfork-ops 1", "--session 1 --session-ops 30", "--sem-sysv 2 --sem-sysv-ops 500",
    "--set 1 --set-ops 30", "--exec 1 --exec-ops 15 --timeout 5",
    "--mutex 1 --timeout 5",  # real-time threads, which leave the others a share
]


@pytest.fixture(scope="module", params=[1, 4], ids=["smp1", "smp4"])
def guest(request):
    tree = initramfs.standard_tree()
    packages.add_to(tree, ["stress-ng"])
    userprogs.compile_all()
    userprogs.add_to(tree, lambda folder, name: name == "as_user")
    plain = console.boot(machine.Options(memory="", smp=request.param), tree)
    guest = Guest(plain)
    # The first run of anything fills caches and makes files that stay.
    guest.ok("/usr/bin/stress-ng --fork 1 --fork-ops 10", 60)
    yield guest
    plain.close()
    plain.medium.close()


@pytest.mark.parametrize("stressor", STRESSORS, ids=[s.split()[0][2:] for s in STRESSORS])
def test_stressor(guest, stressor):
    before = guest.account()
    # This one does not run as root.
    user = "/tests/alone/as_user 1000 " if stressor.startswith("--exec ") else ""
    output = guest.ok(f"{user}/usr/bin/stress-ng {stressor} --verify --temp-path /tmp", timeout=300)
    assert "successful run completed" in output and "fail:" not in output, output
    for _ in range(20):  # some of its children outlive it, and end by themselves
        after = guest.account()
        if after["tasks"] <= before["tasks"]:
            break
        guest.ok("/bin/busybox sleep 0.5")
    assert_kept(before, after)
