"""The shell itself: its grammar, its line editor, and what it says to wrong input."""

import re

import pytest

WRONG = {
    "frok": 127,
    "fork now": 2,
    "peek 0x10": 1,
    "peek zzz": 2,
    "poke": 2,
    "poke 0xffffffff80000000 1": 1,
    "peek 0xffff888000000000": 1,
    "peek 0x1234567812345678": 1,
    "clone CLONE_NOTHING": 2,
    "clone": 2,
    "kill SIGNOPE 1": 2,
    "kill SIGTERM": 2,
    "kill SIGTERM 31000": 1,
    "31000: fork": 1,
    "use 31000": 1,
    "use x": 2,
    "wait x": 2,
    "exit x": 2,
    "touch": 2,
    "touch 0": 2,
    "touch -1": 2,
    "sys": 2,
    "sys nonsense": 2,
    "sys getpid 1 2 3": 2,
    "vm 31000": 1,
    "pt x": 2,
    "pt 31000": 1,
    "vm 1": 1,
    "pt 1": 1,
    "fg": 1,
    "bg 31000": 1,
    "fg x": 2,
    "31000:fork": 1,
    "forkcost 0": 2,
    "trace show x": 2,
    "pt 1 zzz": 2,
    "fds 31000": 1,
    "tree 31000": 1,
    "set fork.share sideways": 2,
    "set no.such.switch 1": 1,
    "set smp.max 1": 1,
    "set fail nowhere:1": 1,
    "set fail page": 2,
    "trace sideways": 2,
    "ptrace": 2,
    "ptrace cont": 2,
    "ptrace traceme 1": 2,
    "ptrace peek 1": 2,
    "ptrace regs 1 2": 2,
    "ptrace cont x": 2,
    "ptrace frok 1": 2,
    "ptrace seize 1 TRACENOTHING": 2,
    "ptrace cont 1 SIGNOPE": 2,
    "ptrace cont 1": 1,
    "ptrace attach 31000": 1,
    "strace": 2,
    "strace 31000": 1,
    "strace frok": 127,
    "strace fork &": 2,
    "test nosuchsuite": 1,
    "poweroff 126": 2,
    "poweroff x": 2,
    "repeat x fork": 2,
    "exec": 2,
    "exec /no/such/program": 1,
    "run": 2,
    "prof": 2,
    "help frok": 1,
    "echo 'unfinished": 2,
    "&": 2,
    "crash sideways": 2,
    "99999999999999999999: fork": None,
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_input(guest, line):
    """One clear line, and nothing changes."""
    before = guest.tasks()
    text, status = guest.command(line)
    assert status == WRONG[line] if WRONG[line] is not None else status != 0, text
    assert 1 <= len(text.splitlines()) <= 2 and text.strip(), text
    assert guest.tasks().keys() == before.keys()


@pytest.mark.parametrize("line, allowed", {"poweroff 126": "from 0 to 125", "forkcost 0": "from 1 up", "trace show x": "'x'"}.items())
def test_wrong_values_are_named(guest, line, allowed):
    assert allowed in guest.command(line)[0]


def test_pid_without_a_blank(guest):
    puppet, _ = guest.fork()
    text = guest.ok(f"repeat 2 {puppet}:sys getpid")
    assert text.count(f"getpid = {puppet}") == 2
    assert guest.command(f"'{puppet}:sys' getpid")[1] == 127


def test_exec_in_the_background(guest):
    """The shell goes on when the puppet has become the program: its name is known, and it is a job until it has ended."""
    own = int(re.search(r"getpid = (\d+)", guest.ok("sys getpid"))[1])
    child, _ = guest.fork()
    for pid in (child, own):  # another puppet's child, and the shell's own
        assert f"{pid}: no puppet any more: it became busybox" in guest.ok(f"{pid}: exec /bin/busybox sleep 100 &")
    assert guest.ok("jobs") == f"[{child}] running busybox\n[{own}] running busybox\n"
    guest.ok(f"kill SIGSTOP {child}")
    assert f"[{child}] stopped busybox" in guest.ok("jobs")
    guest.ok(f"bg {child}")
    for pid in (child, own):
        guest.ok(f"kill SIGKILL {pid}")
    guest.ok("/bin/busybox sleep 1")
    assert guest.ok("jobs") == ""


def test_empty_lines_and_comments(guest):
    for line in ("", "   ", "# a comment", ";", " ; ; "):
        text, _ = guest.command(line)
        assert text == ""


def test_long_line(guest):
    guest.command("x" * 3000)
    assert guest.ok("ps")


def test_every_control_character(guest):
    """Whatever is typed, the shell is still there."""
    for code in range(1, 32):
        if code not in (3, 13, 10):
            guest.send(chr(code))
    guest.send("\x1b[1;5C\x1b[99~\x1bOP\x1b\xff\xfe")
    guest.send("\x03")
    guest.send("/bin/busybox echo still here\r")
    guest.expect(r"^still here\r*\n", 20)
    assert guest.wait_prompt(10)[1] == 0
    assert guest.ok("ps")


def test_help_names_every_command(guest):
    text = guest.ok("help")
    for name in ("fork vfork clone exec exit wait kill sys peek poke touch ps tree pidmap runq vm pt fds mem slabs "
                 "locks syscalls cpu pci dmesg trace time repeat test set reboot poweroff").split():
        assert re.search(rf"^ +{name}\b", text, re.M), name
        assert guest.ok(f"help {name}").strip()


def test_help_of_a_group(guest):
    """The groups together are the whole list."""
    text = guest.ok("help")
    groups = re.findall(r"^(\w+): ", text, re.M)
    assert groups == ["make", "look", "trace", "run", "system"]
    parts = "".join(guest.ok(f"help {group}") for group in groups)
    assert text.startswith(parts) and len(text.splitlines()) == len(parts.splitlines()) + 2
    assert all(len(guest.ok(f"help {group}").splitlines()) < 24 for group in groups)


KEYS = {
    "left and insert": ("pz\x1b[Ds\x1b[C\x7f\x1b[D\x1b[C", "ps"),
    "home": ("s\x01p", "ps"),
    "end": ("s\x01p\x05\x7fs", "ps"),
    "kill to the end": ("psxxxx\x1b[D\x1b[D\x1b[D\x1b[D\x0b", "ps"),
    "kill the line": ("rubbish\x15ps", "ps"),
    "kill a word": ("ps rubbish\x17", "ps"),
    "clear the screen": ("p\x0cs", "ps"),
    "delete": ("pxs\x1b[D\x1b[D\x1b[3~", "ps"),
}


@pytest.mark.parametrize("name", KEYS)
def test_line_editing(guest, name):
    keys, means = KEYS[name]
    text, status = guest.command(keys)
    assert status == 0 and "COMMAND" in text and means == "ps", text


def test_history(guest):
    guest.ok("mem")
    guest.ok("cpu")
    text, _ = guest.command("\x1b[A\x1b[A")
    assert "free" in text
    text, _ = guest.command("\x1b[A\x1b[A\x1b[B")
    assert "free" in text  # the newest again: mem


def test_completion(guest):
    text, status = guest.command("pidm\t")
    assert status == 0 and "pid_max" in text
    text, status = guest.command("/bin/busyb\techo completed")
    assert status == 0 and "completed" in text
    assert "make: on the selected puppet" in guest.ok("help mak\t")
    text, _ = guest.command("ptrace trace\t")
    assert "PTRACE_TRACEME" in text
    for before in ("time ", "repeat 2 ", "time prof ", "strace ", "1; time "):
        text, _ = guest.command(f"{before}pidm\t")
        assert "pid_max" in text, before


def test_cancelled_line(guest):
    guest.send("some words")
    guest.send("\x03")
    _, status = guest.wait_prompt(10)
    assert status == 130
    guest.ok("ps")


def test_quotes(guest):
    assert guest.ok("""/bin/busybox echo 'a  b' "c 'd'" e'f g'h "$HOME" ;""") == "a  b c 'd' ef gh $HOME\n"
    assert guest.ok("/bin/busybox echo '#' a#b") in ("# a#b\n", "# a\n")


def test_switches(guest):
    text = guest.ok("set")
    assert "fork.share" in text and "sched.child_first" in text
    assert "tree" in guest.ok("set fork.share")


def test_sys(guest):
    assert re.search(r"getppid = \d+", guest.ok("sys getppid"))
    text, status = guest.command("sys kill 999999 0")
    assert status == 1 and "ESRCH" in text
    text = guest.ok("sys mkdir '/tmp/made by a puppet' 0755")
    assert "mkdir = 0" in text
    assert "made by a puppet" in guest.ok("/bin/busybox ls /tmp")
    guest.ok("/bin/busybox rmdir '/tmp/made by a puppet'")


def test_strace_of_a_program(guest):
    """Its calls by name, and those of its children."""
    text, status = guest.command("strace /bin/busybox sh -c '/bin/busybox cat /no/such/file; exit 3'")
    assert status == 3
    shell, child = dict.fromkeys(re.findall(r"^(\d+): ", text, re.M))
    assert re.search(rf"^{shell}: (?:v?fork|clone)\(.*\) = {child}\r?$", text, re.M), text
    assert re.search(rf'^{child}: openat\(-100, "/no/such/file", .*\) = -1 ENOENT\r?$', text, re.M), text
    assert re.search(rf"^{child}: \+\+\+ exited with status 1 \+\+\+", text, re.M), text
    assert re.search(rf"^{shell}: exit_group\(3\) = \?\r?\n{shell}: \+\+\+ exited with status 3 \+\+\+", text, re.M), text


def test_strace_of_a_puppet(guest):
    pid = guest.selected()
    text = guest.ok("strace sys getppid")
    assert re.search(rf"^{pid}: getppid\(\) = {guest.tasks()[pid][0]}\r?$", text, re.M), text
    text, _ = guest.command("strace sys clone 0x80000012; strace sys mkdirat 0xffffff9c /no/such 0")
    assert f"{pid}: clone(0x80000012, 0, NULL, NULL, 0) = -1 EINVAL" in text, text
    assert f'{pid}: mkdirat(-100, "/no/such", 0) = -1 ENOENT' in text, text
    path = "/" + "x" * 30
    text, _ = guest.command(f'strace sys chdir "{path}"')
    assert f'{pid}: chdir("{path}") = -1 ENOENT' in text, text
    path = "/" + "x" * 31
    text, _ = guest.command(f'strace sys chdir "{path}"')
    assert f'{pid}: chdir("{path[:31]}"...) = -1 ENOENT' in text, text
    assert "chdir(" not in guest.ok("sys getppid")


def test_strace_of_an_exec_by_a_thread(guest):
    """The thread gets the number of its process, and its calls are still shown."""
    text, status = guest.command("strace /tests/alone/exec_from_thread /bin/busybox sh -c 'exit 7'")
    assert status == 7
    thread, process = re.search(r"^(\d+): \+\+\+ becomes (\d+) by exec \+\+\+", text, re.M).groups()
    assert re.search(rf"^{process}: clone3?\(.*\) = {thread}\r?$", text, re.M), text
    assert re.search(rf'^{process}: execve\("/bin/busybox".*\) = 0\r?$', text, re.M), text
    assert re.search(rf"^{process}: \+\+\+ exited with status 7 \+\+\+", text, re.M), text


def test_strace_escapes_what_is_not_printable(guest):
    text = guest.ok(r"""strace /bin/busybox sh -c 'exec 2>/dev/null; cd $(printf "/no\033such"); true'""")
    assert r'chdir("/no\033such") = -1 ENOENT' in text, text


def test_strace_of_a_running_program(guest):
    pid = int(re.search(r"^\[(\d+)\]", guest.ok("/bin/busybox sleep 1 &"), re.M)[1])
    text = guest.ok(f"strace {pid}")
    assert re.search(rf"^{pid}: exit_group\(0\) = \?\r?\n{pid}: \+\+\+ exited with status 0", text, re.M), text


def test_absent_calls_are_counted(guest):
    text, status = guest.command("sys fork")
    assert status == 0
    guest.command("/bin/busybox hostname")  # asks for calls that do not exist
    assert re.search(r"called|exists", guest.ok("syscalls"))


def shares(output):
    """{function: per cent} of what prof printed, after checking that they are shares of its samples."""
    samples = int(re.search(r"^prof: (\d+) samples", output, re.M)[1])
    lines = re.findall(r"^ *(\d+\.\d) % +(\d+)  (\S+)$", output, re.M)
    assert all(abs(float(share) - 100 * int(count) / samples) < 0.11 for share, count, _ in lines)
    assert sum(int(count) for _, count, _ in lines) <= samples
    return {name: float(share) for share, _, name in lines}


def test_prof(guest):
    """A program that only computes is user time; one that only calls the kernel is not."""
    computes = shares(guest.ok("prof /bin/busybox sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'"))
    calls = shares(guest.ok("prof /bin/busybox dd if=/dev/zero of=/dev/null bs=64k count=5000 status=none"))
    assert computes["user"] > 50 > calls.get("user", 0)
    assert list(computes.values()) == sorted(computes.values(), reverse=True)


def test_prof_passes_the_status_on(guest):
    output, status = guest.command("prof /bin/busybox false")
    assert status == 1 and "prof: " in output
    output, status = guest.command("prof prof help")
    assert status == 1 and "prof: one at a time" in output


def test_no_task_for_a_program(guest):
    limit = re.search(r"^kernel.threads-max +(\d+) ", guest.ok("set kernel.threads-max"), re.M)[1]
    guest.ok("set kernel.threads-max 1")
    text, status = guest.command("/bin/busybox true")
    guest.ok(f"set kernel.threads-max {limit}")
    assert status == 126 and "EAGAIN" in text
