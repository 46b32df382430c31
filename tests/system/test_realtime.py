"""Real-time tasks leave the others a share of the CPU: sched(7). All times are the guest's."""

import re

import pytest

from bident import console, machine


@pytest.fixture(scope="module")
def guest(tree):
    guest = console.boot(machine.Options(append="quiet", icount=True), tree)
    yield guest
    guest.close()
    guest.medium.close()


def spin(guest, seconds=3):
    longest, ran = map(int, re.search(r"longest gap (\d+) ms, ran (\d+) ms", guest.ok(f"/tests/alone/rt_spin {seconds}")).groups())
    return longest, ran


def test_a_fifo_spinner_leaves_a_share(guest):
    longest, ran = spin(guest)
    assert 900 <= longest <= 1000, (longest, ran)
    assert ran >= 2 * 40, (longest, ran)


def test_the_share_can_be_set(guest):
    guest.ok("/bin/busybox sh -c 'echo 500000 >/proc/sys/kernel/sched_rt_runtime_us'")
    longest, ran = spin(guest)
    assert 450 <= longest <= 550, (longest, ran)
    guest.ok("/bin/busybox sh -c 'echo -1 >/proc/sys/kernel/sched_rt_runtime_us'")
    assert spin(guest)[0] >= 2900
    assert guest.command("/bin/busybox sh -c 'echo 2000000 >/proc/sys/kernel/sched_rt_runtime_us'")[1] != 0
    guest.ok("/bin/busybox sh -c 'echo 950000 >/proc/sys/kernel/sched_rt_runtime_us'")


def test_a_woken_task_does_not_wait_for_the_tick(guest):
    """Two microseconds of sleep, again and again, beside an equal that computes: 250 us and the slack of 50 at most each."""
    guest.ok("/tests/alone/spin &")
    text = guest.ok("/tests/alone/naps 1000")
    assert int(re.search(r"1000 naps took (\d+) us", text)[1]) <= 1000 * 320, text
    guest.ok("/bin/busybox killall -9 spin")


def test_timers_whose_signals_are_ignored_cost_nothing(guest):
    """However short their periods: kthreadd, which sends the signals, sleeps."""
    woken = int(re.search(r"kthreadd was woken (\d+) times", guest.ok("/tests/alone/ignored_timers"))[1])
    assert woken <= 100, woken


def test_the_shell_answers_beside_a_spinner(guest):
    """Last: the spinner stays."""
    guest.ok("/bin/busybox chrt -f 50 /bin/busybox sh -c 'while :; do :; done' &")
    guest.ok("/bin/busybox sleep 2")
    for _ in range(3):
        seconds = float(re.search(r"real (\S+) s", guest.ok("time /bin/busybox true"))[1])
        assert seconds <= 1, seconds
