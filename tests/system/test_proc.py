"""/proc where there is nothing to compare with: what is written to it, load, and readers under fire."""

import re

import pytest

from bident import initramfs, packages
from conftest import assert_kept, settled


def sh(guest, script, timeout=300):
    return guest.ok(f"run /bin/busybox sh -c '{script}'", timeout=timeout)


def test_next_pid_is_chosen(boot):
    guest = boot()
    assert sh(guest, "echo 7000 > /proc/sys/kernel/ns_last_pid; sh -c \"echo \\$\\$\"; true").split()[0] == "7001"
    for bad in ("-1", "x", "99999999", "", "1 2"):
        text = sh(guest, f"echo \"{bad}\" > /proc/sys/kernel/ns_last_pid || echo refused; true")
        assert "refused" in text, bad
    assert int(sh(guest, "cat /proc/sys/kernel/ns_last_pid")) >= 7001


def test_pid_max(boot):
    """Numbers stay below it, and when all are taken a fork says so."""
    guest = boot()
    assert "refused" in sh(guest, "echo 300 > /proc/sys/kernel/pid_max || echo refused; true")
    guest.ok("/bin/busybox sh -c 'echo 301 > /proc/sys/kernel/pid_max'")
    text = sh(guest, "i=0; while [ $i -lt 700 ]; do sh -c \"echo \\$\\$\"; i=$((i+1)); done", timeout=120)
    pids = [int(word) for word in text.split()]
    assert len(pids) == 700 and max(pids) < 301
    guest.ok("/bin/busybox sh -c 'echo 32768 > /proc/sys/kernel/pid_max'")
    assert int(sh(guest, "echo 20000 > /proc/sys/kernel/ns_last_pid; sh -c \"echo \\$\\$\"; true")) == 20001


def test_names_of_the_system(boot):
    guest = boot()
    assert sh(guest, "hostname fork; hostname; cat /proc/sys/kernel/hostname; uname -n").split() == ["fork"] * 3
    assert sh(guest, "echo knife > /proc/sys/kernel/hostname; uname -n") == "knife\n"
    version = sh(guest, "uname -srv")
    assert version.startswith("Linux 6.1") and "Bident" in version


def test_load_average(boot):
    """One task that runs for some samples: the average of a minute moves towards one, and faster than that of five.

    By counted instructions, since a host that is busy would take the time away from the guest, and not the clock."""
    guest = boot(smp=2, icount=True)
    guest.ok("/bin/busybox sleep 6")
    assert sh(guest, "cat /proc/loadavg").split()[:3] == ["0.00", "0.00", "0.00"]
    text = sh(guest, "timeout 11 sh -c \"while :; do :; done\" 2>/dev/null; cat /proc/loadavg").replace("Terminated", "")
    one, five = (float(word) for word in text.split()[:2])
    assert 0.13 <= one <= 0.24 and 0.0 < five < one  # 1 - exp(-n * 5 s / 60 s) after n = 2 or 3 samples
    busy = sh(guest, "head -1 /proc/stat").split()
    assert int(busy[1]) + int(busy[3]) > 900  # hundredths of a second
    text = sh(guest, "sleep 11; cat /proc/loadavg")
    assert float(text.split()[0]) < one


@pytest.mark.parametrize("cpus", [1, 2])
def test_stat_adds_up(boot, cpus):
    """What each CPU did adds up to the time that passed, and its busy time to what its tasks had, be it in bursts that no tick sees."""
    guest = boot(smp=cpus, icount=True)
    for how in ("spin", "nice", "bursts"):
        words = guest.ok(f"/tests/alone/cpu_stat {how} 1000").split()
        t = dict(zip(words[::2], map(int, words[1::2])))
        busy = t["user"] + t["nice"] + t["system"]
        assert abs(busy + t["idle"] - t["wall"] * cpus) <= 40, (how, t)  # four fields, each cut off to ten milliseconds
        assert t["own"] - 30 <= busy <= t["own"] * 1.1 + 30, (how, t)
        if how != "bursts":
            assert t["nice" if how == "nice" else "user"] >= 0.9 * t["own"] - 20, (how, t)


def test_readers_under_fire(boot):
    """Every file is read and written to while the processes it tells of come and go."""
    guest = boot(smp=4, debug_checks=True)
    guest.ok("/tests/alone/proc_stress 1", timeout=300)
    before = guest.account()
    text = guest.ok("/tests/alone/proc_stress 8", timeout=600)
    assert text.count("read: much, refused some: yes") == 3 and "lives: many" in text, text
    assert "somebody" not in text
    assert_kept(before, settled(guest, before))
    guest.fork()


def test_procps_and_psmisc(boot):
    """Debian's own ps, top, free, vmstat, uptime, pgrep, pmap and pstree find what they look for."""
    tree = initramfs.standard_tree()
    packages.add_to(tree, ["procps", "psmisc"])
    guest = boot(with_tree=tree, smp=2)
    text = guest.ok("/bin/ps -eo pid,ppid,stat,wchan:20,rss,nlwp,psr,comm")
    assert re.search(r"^ +1 +0 I +kernel_init +0 +1 +[01] init$", text, re.M), text
    assert re.search(r"^ +\d+ +\d+ R\+ +- +\d+ +1 +[01] ps$", text, re.M), text
    total, used, free, shared, cache, available = (int(n) for n in guest.ok("run /usr/bin/free").splitlines()[1].split()[1:])
    assert 200000 < total < 262144 and used + available == total and available <= free < total and shared == cache
    assert re.search(r"up 0 min, +\d+ users?, +load average: 0\.\d\d, 0\.\d\d, 0\.\d\d$", guest.ok("run /usr/bin/uptime"), re.M)
    top = guest.ok("run /usr/bin/top -b -n1")
    assert re.search(r"^Tasks: +\d+ total, +1 running", top, re.M) and re.search(r"^ +\d+ root +20 .* top$", top, re.M), top
    assert re.search(r"^ *[01] +0 +0 +\d+ +0 +\d+", guest.ok("run /usr/bin/vmstat"), re.M)
    assert guest.ok("run /usr/bin/pstree").startswith("init---shell-")
    text = guest.ok("run /bin/busybox sh -c 'sleep 60 & /usr/bin/pgrep -c sleep; /usr/bin/pmap $! | tail -1; /usr/bin/pkill sleep'")
    assert re.match(r"1\n total +\d+K\n", text), text
    assert guest.ok("syscalls").count("called") < 8
