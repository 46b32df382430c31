"""Far more than fits: forks without end, memory without end, and nothing lost afterwards."""

import re

import pytest

from conftest import assert_kept, settled


def test_twenty_thousand_forks(boot):
    guest = boot(append="quiet")
    guest.ok("/tests/alone/forks 200", timeout=300)
    before = guest.account()
    text = guest.ok("/tests/alone/forks 20000", timeout=400)
    assert "20000 forks, 0 bad" in text
    assert_kept(before, settled(guest, before))


def test_a_crowd_is_made_listed_and_reaped(boot):
    """Ten thousand at once: the last costs what the first did; `ps` shows them all, and nothing stays behind."""
    guest = boot(append="quiet", memory="512M", icount=True)
    guest.ok("/bin/busybox sh -c 'echo 11000 >/proc/sys/kernel/threads-max'")
    guest.ok("/tests/alone/crowd 10000 /bin/busybox true", timeout=400)  # what it leaves prepared serves all of the next
    before = guest.account()
    text = guest.ok("/tests/alone/crowd 10000 /bin/busybox ps", timeout=400)
    first, last = map(int, re.search(r"10000 alive; a fork took (\d+) ns in .*, (\d+) ns in", text).groups())
    assert last <= 1.05 * first, text
    assert int(re.search(r"(\d+) bytes of memory each", text)[1]) <= 32 * 1024, text
    assert 10000 < int(re.search(r"busybox: (\d+) lines", text)[1]) < 10020, text
    assert "10000 reaped, 0 bad" in text
    assert_kept(before, settled(guest, before))


# By pipe(7), epoll(7), listen(2), pty(7), fcntl(2), open(2), mount(2) and getrlimit(2): what the limits of /proc/sys mean.
LIMITS = {
    "file-max": ["few: ENFILE", "pipe(fd): ENFILE", "eventfd(0, 0): ENFILE", "epoll_create1(0): ENFILE",
                 "socket(AF_UNIX, SOCK_STREAM, 0): ENFILE", 'memfd_create("x", 0): ENFILE', 'open("/", O_RDONLY): ok',
                 "files: exited 0", 'open("/", O_RDONLY): ok'],
    "locks": ["many locks, then ENOLCK: yes", "flock as well: yes", "fcntl(fd, F_SETLK, &l): 0"],
    "mount-max": ['"tmpfs", 0, NULL): ENOSPC', '"tmpfs", 0, NULL): 0'],
    # 16 pages each, and 2 beyond the soft limit of 48; resized only below it
    "soft": ["first: 65536 bytes, resized: 131072", "second: 65536 bytes, resized: 0", "past the soft limit: 8192 bytes, resized: -1",
             "may shrink: 8192 bytes, resized: 4096", "more: 8192 bytes", "F_SETPIPE_SZ, (1 << 20) + 1): EPERM",
             "F_SETPIPE_SZ, 0x80000001U): EINVAL"],
    # 3 pipes of 16 pages, 6 of 2: 60
    "hard": ["9 pipes, the last of 8192, then ENFILE", "F_SETPIPE_SZ, 1 << 20): 1048576", "F_SETPIPE_SZ, 1 << 21): 2097152"],
    "pipe-max-size": ["rounded: 8192", "first: 8192 bytes, resized: -1"],
    "watches": ["10 watches, then ENOSPC", "epoll_ctl(other, EPOLL_CTL_ADD, e[0], &ev): ENOSPC", "epoll_ctl(set, EPOLL_CTL_ADD, e[0], &ev): EEXIST",
                "epoll_ctl(other, EPOLL_CTL_ADD, e[0], &ev): 0", "epoll_ctl(other, EPOLL_CTL_ADD, e[2], &ev): ENOSPC",
                "epoll_ctl(other, EPOLL_CTL_ADD, e[2], &ev): 0"],
    "ptys": ["3 ptys, then ENOSPC", 'open("/dev/ptmx", O_RDWR | O_NOCTTY): ok'],
    "somaxconn": ["6 connections wait, then EAGAIN"],  # unix(7): one more than the backlog
    "nr_open": ["setrlimit(RLIMIT_NOFILE, &r): EPERM", "setrlimit(RLIMIT_NOFILE, &r): 0", "dup2(0, 199): 199", "dup2(0, 200): EBADF"],
}


def test_limits_of_users(boot):
    """Each limit holds for a user, with its error, and gives back what is given up."""
    guest = boot(append="quiet", memory="128M")
    clean = "/bin/busybox sh -c 'rm -r /tmp/locked* /tmp/mounted'"
    guest.ok("/tests/alone/limits", timeout=120)  # the table of /tmp grows, and stays
    guest.ok(clean, timeout=300)
    before = guest.account()
    text = guest.ok("/tests/alone/limits", timeout=120)
    assert ": NO" not in text, text
    at = 0
    for limit, lines in LIMITS.items():  # in this order
        for line in lines:
            assert line in text[at:], f"{limit}: {line}\n{text}"
            at = text.index(line, at) + len(line)
    guest.ok(clean, timeout=300)
    assert_kept(before, settled(guest, before))


def test_a_crowd_in_the_shells_ps(boot):
    guest = boot(append="quiet", memory="512M")
    guest.ok("/tests/alone/crowd 1000 /bin/busybox true")
    before = guest.account()
    guest.ok("/tests/alone/crowd 1000 /bin/busybox sleep 1000 &")
    for _ in range(50):  # what the program says comes in between
        text = guest.ok("ps")
        sleeper = re.search(r"^ *(\d+) .* busybox *$", text, re.M)
        if sleeper:
            break
    assert len(re.findall(r"^ *\d+ .* crowd *$", text, re.M)) == 1001
    guest.ok(f"kill SIGKILL {sleeper[1]}")
    for _ in range(50):
        if " crowd" not in guest.ok("ps"):
            break
    assert_kept(before, settled(guest, before))


def test_fork_bomb_of_a_user(boot):
    guest = boot(append="quiet", memory="512M")
    guest.ok("/bin/busybox true")
    before = guest.account()
    text = guest.ok("/tests/alone/bomb 1234", timeout=300)
    assert "forks: many, then EAGAIN" in text or "then ENOMEM" in text or "killed" in text, text
    assert "all are gone" in text
    assert_kept(before, settled(guest, before))
    guest.fork()


def test_fork_bomb_of_root_in_little_memory(boot):
    guest = boot(append="quiet", memory="64M")
    _, status = guest.command("/tests/alone/bomb", timeout=300)
    if status:  # the one that counts was itself killed for want of memory: what it started is still there
        bombs = [pid for pid, (_, _, name) in guest.tasks().items() if name == "bomb"]
        for group in range(guest.selected() + 1, min(bombs, default=0) + 1):
            guest.command(f"kill SIGKILL -{group}")
        for _ in range(50):
            if not any(name == "bomb" for _, _, name in guest.tasks().values()):
                break
    guest.fork()
    assert guest.ok("/bin/busybox echo alive") == "alive\n"


def test_many_mappings(guest):
    assert "in all" in guest.ok("/tests/alone/many_maps", timeout=120)


def test_filters_of_system_calls_have_an_end(boot):
    """Each process can have a quarter of a MiB of them; a user, a sixteenth of memory."""
    guest = boot(memory="128M")
    guest.ok("/bin/busybox true")
    before = guest.account()
    assert re.search(r"^\d+ processes with 7 filters, then no room$", guest.ok("/tests/alone/filter_hog 200"), re.M)
    assert_kept(before, settled(guest, before))


def test_requeued_to_one_that_is_gone(guest):
    assert guest.ok("/tests/alone/requeue") == "0 sleepers found by strangers\n"


def test_out_of_memory_kills_one(boot):
    guest = boot(memory="128M")
    text, status = guest.command("/tests/alone/hog", timeout=200)
    assert status == 128 + 9
    assert re.search(r"(?i)(out of memory|oom).*hog", text + guest.ok("dmesg")), text
    guest.fork()
    text = guest.ok("/tests/alone/hog 3", timeout=400)
    assert text.count("hog: killed by SIGKILL") == 3 and "the parent is alive" in text
    assert guest.ok("/bin/busybox echo alive") == "alive\n"


def test_puppet_that_touches_too_much(boot):
    guest = boot(memory="128M")
    child, _ = guest.fork()
    guest.command(f"{child}: touch 1024", timeout=200)
    guest.fork()


def test_out_of_memory_finds_who_has_it(boot):
    """A process without its first thread; and one that waits for a lock which is held over a fault."""
    guest = boot(memory="256M")
    guest.ok("/bin/busybox true")
    before = guest.account()
    _, status = guest.command("/tests/alone/oom_thread", timeout=200)
    assert status == 128 + 9
    assert "both are gone" in guest.ok("/tests/alone/oom_lock 256", timeout=200)
    assert_kept(before, settled(guest, before))
    guest.fork()


def test_out_of_memory_within_system_calls(boot):
    guest = boot(memory="96M", smp=2)
    guest.ok("/bin/busybox true")
    before = guest.account()
    text = guest.ok("/tests/alone/oom_calls", timeout=120)
    assert text.count("the hog was killed for it") == 2, text
    assert_kept(before, settled(guest, before))


def test_text_that_is_too_long(boot):
    """Past the 64 MiB that a file of /proc may have there is an error, and no memory of the kernel's."""
    guest = boot(memory="1G")
    text = guest.ok("/tests/alone/long_text", timeout=200)
    assert text == "read 0: ENOMEM\nread 1: ENOMEM\nas it was: yes\n"


def test_kill_of_all_misses_no_child(boot):
    """A process that is just being forked either sees the signal or is seen by kill(-1)."""
    guest = boot(smp=2, append="sched.fuzz=7")
    text = guest.ok("/tests/alone/as_user 1000 /tests/alone/kill_all 60", timeout=120)
    assert "survived: 0 of 60" in text, text


def test_random_system_calls(boot):
    """Hostile arguments to every call, in a debug build: no panic, no hang, and the shell answers afterwards."""
    guest = boot(debug_checks=True, append="quiet")
    text = guest.ok("/tests/alone/fuzz_syscalls 1 40 300", timeout=300)
    assert text.rstrip().endswith("done"), text
    guest.fork()
    assert guest.ok("/bin/busybox echo alive") == "alive\n"


def test_pi_locks_and_sets_under_fire(boot):
    """Owners and waiters of PI futexes die at any moment, epoll sets go in and out of others; then nothing of them is left."""
    guest = boot(smp=2, debug_checks=True, append="sched.fuzz=11")
    guest.ok("/tests/alone/epoll_storm 1 20")
    before = guest.account()
    assert "killed some: yes; ended some: yes" in guest.ok("/tests/alone/pi_stress 3 150", timeout=120)
    for seed in range(1, 4):
        assert "all waits ended" in guest.ok(f"/tests/alone/epoll_storm {seed}", timeout=120)
    assert_kept(before, settled(guest, before))
    guest.fork()


def test_one_file_does_not_take_all_memory(boot):
    guest = boot(memory="128M")
    guest.ok("/bin/busybox true")
    before = guest.account()
    text, status = guest.command("/bin/busybox dd if=/dev/zero of=/tmp/full bs=65536", timeout=200)
    assert status == 1 and "No space left on device" in text, text
    guest.ok("/bin/busybox rm /tmp/full")
    assert_kept(before, settled(guest, before))


def test_limits_that_give(guest):
    """getrlimit(2): RLIMIT_NICE 25 is nice -5 (20 - 25), RLIMIT_RTPRIO 10 priority 10; a lower limit takes nothing back."""
    words = [line.rsplit(": ", 1)[1] for line in guest.ok("/tests/alone/rlimits_up").splitlines()]
    nice, rt = words[:8], words[8:]
    assert nice == ["0", "0", "EACCES", "-5", "0", "0", "EACCES", "exited 0"]
    # the second RR asks for what it has, then for more; FIFO would be a change of policy
    assert rt == ["EPERM", "0", "0", "0", "EPERM", "EPERM", "0", "EPERM", "exited 0"]


def test_out_of_memory_chooses_by_what_is_resident(boot):
    # So much that a victim is seen while it gives its memory back: no other may be chosen then.
    guest = boot(memory="1G")
    for _ in range(2):
        text = guest.ok("/tests/alone/oom_choice 900", timeout=400)
        assert text.count("right") == 3, text


def test_a_directory_that_was_large_keeps_nothing(guest):
    """Its table of names shrinks with it, whether names are removed or moved away: else folders with one file each could hold all memory."""
    guest.ok("/bin/busybox sh -c 'mkdir -p /tmp/large/away; cd /tmp/large; touch kept; touch away/1; rm away/1'")
    before = guest.account()
    guest.ok("/bin/busybox sh -c 'cd /tmp/large; seq 1000 | xargs touch'")
    full = guest.account()
    assert full["objects"] > before["objects"] + 2000, (before, full)
    guest.ok("/bin/busybox sh -c 'cd /tmp/large; find . -type f ! -name kept -exec mv -t away {} +; ls away | wc -l; ls | wc -l; cat away/999 kept; rm away/*'", timeout=120)
    assert_kept(before, guest.account())
    guest.ok("/bin/busybox rm -r /tmp/large")


def test_datagrams_in_a_queue(boot):
    """net.unix.max_dgram_qlen is what a new socket takes; the program counts from it."""
    guest = boot(smp=4, debug_checks=True)
    for limit in (0, 3, 25):
        guest.ok(f"/bin/busybox sh -c 'echo {limit} > /proc/sys/net/unix/max_dgram_qlen'")
        text = guest.ok("/tests/glibc/datagrams", timeout=120)
        assert "limit: as expected\none way: limit+1, then EAGAIN" in text and "crowd: all came" in text, text


@pytest.mark.parametrize("smp", [1, 2])
def test_wait_misses_no_stop(boot, smp):
    """What a wait by pid sees of a child, every wait sees, its reaper's too; and a child that execs is not missed."""
    guest = boot(smp=smp, append="sched.fuzz=5")
    text = guest.ok("/tests/glibc/wait_many", timeout=120)
    assert "\nfound 100\n" in text and "\nstopped 50\n" in text and "\nfound across exec: 50\n" in text, text
