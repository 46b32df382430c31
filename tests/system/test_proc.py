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


def test_protected_names(boot):
    """fs.protected_*: in /tmp, a user's links, FIFOs and files are not what another user means."""
    guest = boot()
    text = sh(guest, "cd /tmp; echo secret > of_root; chmod 600 of_root; chmod 1777 /tmp; mkdir open; chmod 777 open; "
                     "/tests/alone/as_user 1000 /bin/busybox sh -c \"ln -s of_root link; ln of_root hard; mkfifo fifo; touch file\"; "
                     "chmod 666 file fifo; cat link; ls hard; rm -f hard")
    assert text.split() == ["secret", "hard"]
    sh(guest, "cd /proc/sys/fs; for f in protected_*; do echo 1 > $f; done")
    text = sh(guest, "cd /tmp; cat link; (echo x > file); (echo x 1<>fifo); rm link; ln -s of_root link; cat link; "
                     "/tests/alone/as_user 1000 /bin/busybox sh -c \"ln of_root hard; ln file hard; ln -s file mine; ls mine; cat mine; echo y > file\"; "
                     "/tests/alone/as_user 1001 /bin/busybox sh -c \"cat link; echo z > file; ln -s x open/l; ls open/\"; true")
    for line in ("cat: can't open 'link': Permission denied", "can't create file: Permission denied", "fifo: Permission denied",
                 "ln: hard: Operation not permitted"):
        assert line in text, text
    assert text.count("secret") == 1 and "mine\n" in text and "l\n" in text, text


def test_terminals_have_names(boot):
    """ps finds the console by /proc/tty/drivers."""
    tree = initramfs.standard_tree()
    packages.add_to(tree, ["procps"])
    guest = boot(with_tree=tree)
    assert re.search(r"^console +ps$", guest.ok("/bin/ps -o tty=,comm= -C ps"), re.M)


def test_log_for_programs(boot):
    """What is written to /dev/kmsg is in the log of all; a reader that waits gets it."""
    guest = boot(smp=2)
    text = sh(guest, "(sleep 1; echo \"<5>one more line\" > /dev/kmsg) & "
                     "timeout 4 cat /dev/kmsg | grep -m1 \"one more line\"; dmesg | tail -n 1; dmesg -c > /dev/null; dmesg | wc -l")
    lines = text.split("\n")
    assert re.search(r"^13,\d+,\d+,-;one more line$", text, re.M), text
    assert re.search(r"\[ *\d+\.\d{6}\] one more line", text) and lines[-2].strip() == "0", text
    assert "one more line" in guest.ok("dmesg")
    sh(guest, "echo 1 > /proc/sys/kernel/dmesg_restrict")
    text = sh(guest, "/tests/alone/as_user 1000 /bin/busybox dmesg; /tests/alone/as_user 1000 /bin/busybox cat /dev/kmsg; true")
    assert text.count("Operation not permitted") == 2, text
    sh(guest, "dmesg -n 1; echo quiet > /dev/kmsg; cut -f1 /proc/sys/kernel/printk | grep -x 1; echo 8 > /proc/sys/kernel/printk")


def test_randomness_is_switched_off(boot):
    guest = boot()
    places = "sed -n \"s/-.*stack.*//p\" /proc/self/maps"
    both = sh(guest, f"{places}; {places}").split()
    assert both[0] != both[1]
    both = sh(guest, f"echo 0 > /proc/sys/kernel/randomize_va_space; {places}; {places}").split()
    assert both[0] == both[1]
    assert "refused" in sh(guest, "echo 1 > /proc/sys/kernel/randomize_va_space || echo refused; true")
