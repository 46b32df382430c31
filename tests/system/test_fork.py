"""fork, vfork and clone by hand, and what the shell says of them."""

import re

import pytest


def counts(text):
    match = re.search(r"tables: (\d+) shared, (\d+) copied; pages: (\d+) copied", text)
    assert match, f"no table and page counts in:\n{text}"
    return tuple(int(n) for n in match.groups())


def peek(guest, pid):
    text = guest.ok(f"{pid}: peek")
    return int(re.search(rf"^{pid}: \[0x[0-9a-f]+\] = (\d+)", text, re.M)[1])


def data_address(guest):
    return re.search(r"\[(0x[0-9a-f]+)\]", guest.ok("peek"))[1]


def test_fork_says_what_happened(guest):
    parent = guest.selected()
    child, text = guest.fork()
    assert f"fork: {parent} -> {child} " in text
    assert "the child ran first" in text
    shared, copied, pages = counts(text)
    assert shared > 0
    # Both came back from the call and asked for their next order: each copies at most one path of tables.
    assert 0 <= copied <= 8
    assert pages <= 8
    tasks = guest.tasks()
    assert tasks[child][0] == parent
    assert re.search(rf"\b{child}\b", guest.ok("tree"))


def test_child_is_a_puppet(guest):
    child, _ = guest.fork()
    text = guest.ok(f"{child}: sys getpid")
    assert re.search(rf"getpid = {child}\b", text)
    grandchild, _ = guest.fork(f"{child}: fork")
    assert guest.tasks()[grandchild][0] == child
    guest.ok(f"use {grandchild}")
    assert guest.selected() == grandchild


def test_child_first_can_be_switched_off(guest):
    try:
        guest.ok("set sched.child_first 0")
        _, text = guest.fork()
        assert "the parent ran first" in text or "the child has not run yet" in text
    finally:
        guest.ok("set sched.child_first 1")
    _, text = guest.fork()
    assert "the child ran first" in text


def test_exit_and_wait(guest):
    parent = guest.selected()
    child, _ = guest.fork()
    text, _ = guest.command(f"{child}: exit 42")
    assert f"{child}" in text and "42" in text and "zombie" in text
    assert guest.tasks()[child][1] == "Z"
    text = guest.ok("wait")
    assert f"{parent}: wait4 = {child}" in text and "42" in text
    assert child not in guest.tasks()
    text, status = guest.command("wait")
    assert status == 1 and "ECHILD" in text


def test_wait_blocks_until_a_child_ends(guest):
    parent = guest.selected()
    child, _ = guest.fork()
    text, _ = guest.command("wait")
    assert "blocked in wait4" in text
    text, _ = guest.command(f"{child}: exit 3")
    assert re.search(rf"{parent}: wait4 = {child}", text)


def test_killed_child(guest):
    child, _ = guest.fork()
    guest.ok(f"kill SIGTERM {child}")
    text = guest.ok("wait")
    assert f"= {child}" in text and "SIGTERM" in text


def test_vfork_blocks_and_releases(guest):
    parent = guest.selected()
    child, text = guest.fork("vfork")
    assert "the parent is blocked" in text
    assert "one address space" in text
    assert guest.tasks()[parent][1] == "D"
    text, status = guest.command("peek")
    assert status == 1 and "blocked in vfork" in text
    guest.ok(f"{child}: poke 4711")
    text, _ = guest.command(f"{child}: exit 0")
    assert re.search(rf"^{parent}: released", text, re.M)
    assert peek(guest, parent) == 4711


def test_vfork_released_by_exec(guest):
    parent = guest.selected()
    child, _ = guest.fork("vfork")
    text, _ = guest.command(f"{child}: exec /bin/busybox echo hello from the new program")
    assert "hello from the new program" in text
    guest.ok("use %d" % parent)
    assert guest.tasks()[parent][1] == "S"


def test_vfork_released_when_the_child_is_killed(guest):
    parent = guest.selected()
    child, _ = guest.fork("vfork")
    text, _ = guest.command(f"kill SIGKILL {child}")
    assert re.search(rf"{parent}: released", text + guest.ok("ps") + guest.ok("tree"))
    assert re.search(r"getpid = \d+", guest.ok("sys getpid"))


def test_clone_shows_what_is_shared(guest):
    _, text = guest.fork("clone CLONE_VM,CLONE_FILES")
    match = re.search(r"shared: (.*); own: (.*)", text)
    assert match, text
    assert "memory" in match[1] and "files" in match[1]
    assert "fs" in match[2] and "handlers" in match[2]
    _, text = guest.fork("clone CLONE_FS")
    match = re.search(r"shared: (.*); own: (.*)", text)
    assert "fs" in match[1] and "memory" in match[2] and "files" in match[2]


def test_clone_counts_the_threads(guest):
    _, text = guest.fork("clone CLONE_VM,CLONE_SIGHAND,CLONE_THREAD")
    assert "thread-group (2 users)" in text


def test_poke_is_private_after_fork(guest):
    parent = guest.selected()
    guest.ok("poke 100")
    child, _ = guest.fork()
    assert peek(guest, child) == 100
    guest.ok(f"{child}: poke 200")
    assert peek(guest, parent) == 100
    assert peek(guest, child) == 200
    guest.ok(f"{parent}: poke 300")
    assert peek(guest, child) == 200


def test_poke_is_common_after_clone_vm(guest):
    parent = guest.selected()
    guest.ok("poke 100")
    child, _ = guest.fork("clone CLONE_VM")
    guest.ok(f"{child}: poke 200")
    assert peek(guest, parent) == 200


def leaf(guest, pid, address):
    text = guest.ok(f"pt {pid} {address}")
    match = re.search(r"PT\[\d+\].*count (\d+) (owned|shared)", text)
    assert match, text
    return int(match[1]), match[2]


def test_pt_shows_why(guest):
    parent = guest.selected()
    guest.ok("poke 1")
    address = data_address(guest)
    assert leaf(guest, parent, address) == (1, "owned")
    child, _ = guest.fork()
    guest.ok("set fork.share tree")
    # Whatever level is shared, neither owns the page: its path or the page itself has two references.
    text = guest.ok(f"pt {child} {address}")
    assert "shared" in text and re.search(r"count 2\b", text)
    text = guest.ok(f"{child}: poke 2")
    assert re.search(r"pages copied: 1\b", text)
    assert leaf(guest, child, address) == (1, "owned")
    # The parent's is the last reference now: writing costs no copy.
    text = guest.ok(f"{parent}: poke 3")
    assert re.search(r"pages copied: 0\b", text)
    assert leaf(guest, parent, address) == (1, "owned")


@pytest.mark.parametrize("share", ["pages", "tables", "tree"])
def test_every_depth_of_sharing_isolates(guest, share):
    parent, _ = guest.fork()  # to be ended with all that it touched
    try:
        guest.ok(f"set fork.share {share}")
        guest.ok(f"{parent}: touch 4")
        guest.ok(f"{parent}: poke 1")
        child, text = guest.fork(f"{parent}: fork")
        _, copied, _ = counts(text)
        if share == "pages":
            assert copied >= 6  # at least 4 MiB of page tables and what is above them
        guest.ok(f"{child}: poke 2")
        assert peek(guest, parent) == 1
        grandchild, _ = guest.fork(f"{child}: fork")
        guest.ok(f"{grandchild}: poke 3")
        assert (peek(guest, parent), peek(guest, child), peek(guest, grandchild)) == (1, 2, 3)
    finally:
        guest.ok("set fork.share tree")


def test_clone_stopped(guest):
    child, text = guest.fork("clone CLONE_STOPPED")
    assert "stopped" in text
    assert guest.tasks()[child][1] == "T"
    guest.ok(f"kill SIGCONT {child}")
    assert re.search(rf"getpid = {child}\b", guest.ok(f"{child}: sys getpid"))


def stops(text, tracer):
    """pid → what the tracer saw of it."""
    return {int(pid): what for pid, what in re.findall(rf"^{tracer}: wait4 = (\d+): it stopped: ([^\r\n]+)", text, re.M)}


def test_tracer_is_told_of_a_fork(guest):
    tracer = guest.selected()
    parent, _ = guest.fork()
    guest.ok(f"ptrace seize {parent} TRACEFORK,TRACEVFORK")
    child, text = guest.fork(f"{parent}: fork")
    assert f"tracer {tracer}: is told PTRACE_EVENT_FORK; child {child} is traced too" in text
    assert stops(text, tracer) == {parent: f"PTRACE_EVENT_FORK, child {child}", child: "PTRACE_EVENT_STOP"}
    assert guest.tasks()[parent][1] == guest.tasks()[child][1] == "t"
    text, status = guest.command(f"{parent}: fork")
    assert status == 1 and "stopped for its tracer" in text
    assert f"{parent}: fork = {child}" in guest.ok(f"ptrace cont {parent}")
    guest.ok(f"ptrace detach {child}")
    assert f"getppid = {parent}" in guest.ok(f"{child}: sys getppid")
    child, text = guest.fork(f"{parent}: vfork")
    assert stops(text, tracer)[parent] == f"PTRACE_EVENT_VFORK, child {child}"


def test_flags_decide_what_the_tracer_is_told(guest):
    tracer = guest.selected()
    assert "change nothing" in guest.fork("clone CLONE_PTRACE")[1]
    parent, _ = guest.fork()
    guest.ok(f"ptrace seize {parent} TRACEFORK")
    child, text = guest.fork(f"{parent}: clone CLONE_UNTRACED")
    assert f"is told nothing: CLONE_UNTRACED; child {child} is not traced" in text
    assert stops(text, tracer) == {}
    child, text = guest.fork(f"{parent}: clone SIGUSR1")
    assert f"is told nothing: its option TRACECLONE is off; child {child} is not traced" in text
    assert stops(text, tracer) == {}
    child, text = guest.fork(f"{parent}: clone CLONE_PTRACE,SIGUSR1")
    assert f"is told nothing: its option TRACECLONE is off; child {child} is traced too" in text
    assert stops(text, tracer) == {child: "PTRACE_EVENT_STOP"}
    child, text = guest.fork(f"{parent}: clone CLONE_PTRACE,CLONE_UNTRACED,SIGUSR1")
    assert stops(text, tracer) == {child: "PTRACE_EVENT_STOP"}


def rip(guest, pid):
    return int(re.search(rf"^  {pid}: rip (0x[0-9a-f]+)", guest.ok(f"ptrace regs {pid}"), re.M)[1], 16)


def test_puppet_traces_puppet(guest):
    tracer = guest.selected()
    guest.ok("poke 76")
    pid, _ = guest.fork()
    assert stops(guest.ok(f"ptrace attach {pid}"), tracer) == {pid: "signal-delivery-stop, SIGSTOP"}
    guest.ok(f"ptrace options {pid} TRACESYSGOOD")
    assert stops(guest.ok(f"ptrace syscall {pid}"), tracer) == {pid: "syscall-enter-stop, next_order()"}
    assert stops(guest.ok(f"ptrace syscall {pid}"), tracer) == {}  # it waits for an order
    text, _ = guest.command(f"{pid}: sys getppid")
    assert stops(text, tracer)[pid].startswith("syscall-exit-stop")
    before = rip(guest, pid)
    assert stops(guest.ok(f"ptrace step {pid}"), tracer) == {pid: "single-stepped"}
    assert rip(guest, pid) - before == 3  # `test rax, rax`
    assert stops(guest.ok(f"ptrace syscall {pid}"), tracer) == {pid: "syscall-enter-stop, getppid()"}
    assert stops(guest.ok(f"ptrace syscall {pid}"), tracer) == {pid: f"syscall-exit-stop, = {tracer}"}
    text = guest.ok(f"poke 77; ptrace peek {pid} {data_address(guest)}")
    assert re.search(rf"^  {pid}: \[0x[0-9a-f]+\] = 76 = ", text, re.M), text  # the child's own copy
    assert f"getppid = {tracer}" in guest.ok(f"ptrace cont {pid}")
    assert stops(guest.ok(f"kill SIGUSR1 {pid}"), tracer) == {pid: "signal-delivery-stop, SIGUSR1"}
    guest.ok(f"ptrace detach {pid}")  # without the signal
    assert f"getppid = {tracer}" in guest.ok(f"{pid}: sys getppid")


def test_tracee_of_a_stranger_ends(guest):
    """Its tracer sees the end first, then its parent."""
    parent = guest.selected()
    child, _ = guest.fork()
    tracer, _ = guest.fork()
    guest.ok(f"{tracer}: ptrace seize {child} TRACEEXIT")
    text, _ = guest.command(f"{child}: exit 5")
    assert stops(text, tracer) == {child: f"PTRACE_EVENT_EXIT, wait status {5 << 8}"}
    text = guest.ok(f"{tracer}: ptrace cont {child}")
    assert f"{tracer}: wait4 = {child}: it exited with status 5" in text
    assert f"{parent}: wait4 = {child}: it exited with status 5" in guest.ok(f"wait {child}")


def test_tracer_waits_already(guest):
    """Its wait finds the first stop, and then it waits for the other."""
    tracer = guest.selected()
    parent, _ = guest.fork()
    guest.ok(f"ptrace seize {parent} TRACEFORK")
    assert "blocked in wait4" in guest.ok("wait")
    child, text = guest.fork(f"{parent}: fork")
    assert stops(text, tracer) == {parent: f"PTRACE_EVENT_FORK, child {child}", child: "PTRACE_EVENT_STOP"}


def test_tracer_is_busy_at_the_end(guest):
    child, _ = guest.fork()
    tracer, _ = guest.fork()
    guest.ok(f"{tracer}: ptrace seize {child}")
    guest.ok(f"{tracer}: sys pause")
    assert f"{child}: exited with status 5; a zombie until its tracer waits" in guest.ok(f"{child}: exit 5")
    guest.ok(f"kill SIGKILL {tracer}")
    assert f"wait4 = {child}: it exited with status 5" in guest.ok(f"wait {child}")


def test_traced_thread_ends(guest):
    tracer = guest.selected()
    leader, _ = guest.fork()
    thread, _ = guest.fork(f"{leader}: clone CLONE_VM,CLONE_SIGHAND,CLONE_THREAD")
    guest.ok(f"ptrace seize {thread}")
    assert f"{tracer}: wait4 = {thread}: it exited with status 3" in guest.ok(f"{thread}: exit 3")
    assert thread not in guest.tasks()


@pytest.mark.parametrize("flags", [
    "CLONE_SIGHAND", "CLONE_THREAD", "CLONE_THREAD,CLONE_VM", "CLONE_NEWNS,CLONE_FS", "CLONE_NEWPID",
    "CLONE_NEWUTS", "CLONE_PIDFD", "CLONE_IO",
])
def test_illegal_or_absent_flags_are_refused(guest, flags):
    before = guest.tasks()
    text, status = guest.command(f"clone {flags}")
    assert status == 1 and "EINVAL" in text
    assert guest.tasks().keys() == before.keys()


def test_trace_of_a_fork(guest):
    guest.ok("trace clear")
    guest.ok("trace on")
    child, _ = guest.fork()
    guest.ok("trace off")
    text = guest.ok("trace show")
    # In ftrace's form: TASK-PID [CPU] flags TIME: event: …
    forked = re.search(rf"\S+-\d+ +\[\d{{3}}\].* \d+\.\d+: sched_process_fork: .*child_pid={child}\b", text)
    switch = re.search(rf"sched_switch: .*==> .*next_pid={child}\b", text)
    assert forked and switch and forked.start() < switch.start()


def test_thousand_puppets(boot):
    guest = boot(append="quiet")
    text = guest.ok("repeat 200 fork", timeout=120)
    assert len(re.findall(r"^fork: ", text, re.M)) == 200
    assert len(guest.puppets()) == 201
    guest.ok("tree")
    assert guest.clean_up(guest.selected())
