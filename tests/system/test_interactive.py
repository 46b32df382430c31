"""Bash, ash, vi, less and top at the terminal, as a person uses them: by keys, and by what is on the screen."""

import re

import pexpect
import pytest

from bident import ROOT, console, initramfs, machine, packages, userprogs

PS1 = "ready> "
TO_PROMPT = r"\s+(?:\x1b\[[?\d]+h)?" + PS1  # what bash switches the terminal to may come before it


class Machine:
    """With Debian's bash and its friends. They share its terminal; after a failed test it is a new one."""

    def __init__(self):
        self._tree = initramfs.standard_tree()
        packages.add_to(self._tree, ["bash", "coreutils", "procps", "less", "vim-tiny", "ncurses-base"])
        userprogs.compile_all()
        userprogs.add_to(self._tree, lambda folder, name: name == "as_user")
        self._guest = None

    def at_prompt(self):
        try:
            if self._guest is not None:
                self._guest.command("#", 5)
        except (TimeoutError, console.Ended):
            self.close()
        if self._guest is None:
            self._guest = console.boot(machine.Options(memory="512M"), self._tree)
        return self._guest

    def close(self):
        if self._guest is not None:
            self._guest.close()
            self._guest.medium.close()
            self._guest = None


@pytest.fixture(scope="module")
def shared():
    shared = Machine()
    yield shared
    shared.close()


@pytest.fixture
def linux(shared):
    return shared.at_prompt()


class Session:
    """A shell that somebody types at."""

    def __init__(self, guest, program):
        self.guest = guest
        # Typed in two parts, so that the echo of this line is not taken for the prompt.
        guest.send(f"run /bin/busybox env TERM=linux PS1='{PS1[:2]}''{PS1[2:]}' HISTFILE=/tmp/history {program}\r")
        guest.expect(re.compile(re.escape(PS1)), 60)

    def keys(self, *texts):
        """Each by itself, with a moment in between: ESC and a letter in one go are another key."""
        for text in texts:
            self.guest.send(text)
            if len(texts) > 1:
                _pause(self, 0.3)

    def see(self, text, timeout=30):
        """Wait until this (a regular expression) is printed; what came before it."""
        self.guest.expect(re.compile(text), timeout)
        return self.guest.before

    def line(self, text, timeout=60):
        """Type a line; what is printed until the next prompt."""
        self.keys(text + "\r")
        self.see(r"\r\n")
        return re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", self.see(re.escape(PS1), timeout)).replace("\r", "").strip("\n")

    def leave(self, status=0):
        self.keys(f"exit {status}\r")
        _, got = self.guest.wait_prompt(30)
        assert got == status


@pytest.fixture(params=["/bin/bash --norc -i", "/bin/busybox ash -i"], ids=["bash", "ash"])
def shell(request, linux):
    session = Session(linux, request.param)
    session.bash = "bash" in request.param
    yield session
    session.leave(7)


def test_editing_and_history(shell):
    shell.keys("echo wrng\x1b[D\x1b[D\x1b[Do\r")  # left, left, left, and the letter that was missing
    shell.see(r"[\r\n]worng" + TO_PROMPT)
    shell.keys("\x1b[A\x7f\x7f\x7f\x7f\x7fright\r")  # the line before, and its last word again
    shell.see(r"[\r\n]right" + TO_PROMPT)
    shell.keys("echo nothing\x15echo other\x01\x05\r")  # ^U, ^A, ^E
    shell.see(r"[\r\n]other" + TO_PROMPT)


def test_completion(shell):
    shell.keys("cat /etc/pass\t")
    shell.see("/etc/passwd")
    shell.keys("\r")
    shell.see("root:")
    shell.see(PS1)


def test_job_control(shell):
    assert re.search(r"\[1\]\+? +\d+", shell.line("sleep 100 &")) or not shell.bash
    shell.keys("sleep 200\r")
    shell.see(r"\r\n")
    _pause(shell)
    shell.keys("\x1a")
    shell.see(r"Stopped")
    shell.see(PS1)
    jobs = shell.line("jobs")
    assert re.search(r"\[1\].*Running +sleep 100", jobs) and re.search(r"\[2\].*Stopped.*sleep 200", jobs), jobs
    assert "sleep 200" in shell.line("bg %2")
    assert re.search(r"\[2\].*Running +sleep 200", shell.line("jobs"))
    shell.keys("fg %2\r")
    shell.see("sleep 200")
    _pause(shell)
    shell.keys("\x03")
    shell.see(PS1)
    assert shell.line("echo $?").endswith("130")
    shell.line("kill %1")
    shell.line("wait")
    assert "Running" not in shell.line("jobs")


def test_traps_and_interrupts(shell):
    shell.line("trap 'echo caught it' INT")
    shell.keys("\x03")
    shell.see("caught it" if shell.bash else PS1)
    shell.line("trap - INT")
    shell.keys("while :; do :; done\r")
    _pause(shell)
    shell.keys("\x03")
    shell.see(PS1)
    assert shell.line("echo still here").endswith("still here")


def test_fork_bomb_is_refused(shell):
    # As a user of its own: the limit does not hold for root.
    output = shell.line("/tests/alone/as_user 1000 /bin/busybox sh -c "
                        "'ulimit -u 20; f() { f | f & }; f; sleep 2; echo the end; kill -9 -1' 2>&1 | grep -c 'the end'", timeout=120)
    assert output.endswith("1"), output
    shell.line("pkill -9 -U 1000; sleep 1")
    assert shell.line("pgrep -c -U 1000").endswith("0")
    assert shell.line("echo recovered").endswith("recovered")


def _pause(shell, seconds=1.0):
    """Nothing is printed while a program sleeps: give it the moment it needs to be in front."""
    try:
        shell.guest.expect(re.compile(r"\0never\0"), seconds)
    except TimeoutError:
        pass


@pytest.mark.parametrize("editor", ["/bin/busybox vi", "/usr/bin/vim.tiny"], ids=["busybox", "vim"])
def test_vi_edits_and_saves(linux, editor):
    shell = Session(linux, "/bin/bash --norc -i")
    shell.line("printf 'one\\ntwo\\nthree\\n' > /tmp/text")
    shell.keys(f"{editor} /tmp/text\r")
    shell.see("three")
    shell.keys("jAand more", "\x1b", "Gonew last", "\x1b", "1Gdd", ":wq\r")
    shell.see(re.escape(PS1))
    assert shell.line("cat /tmp/text") == "twoand more\nthree\nnew last"
    shell.leave()


@pytest.mark.parametrize("pager", ["/usr/bin/less", "/bin/busybox less"], ids=["less", "busybox"])
def test_less_pages(linux, pager):
    shell = Session(linux, "/bin/bash --norc -i")
    shell.line("seq 1 500 > /tmp/numbers")
    shell.keys(f"{pager} /tmp/numbers\r")
    shell.see(r"(?<!\d)20\s")
    for keys, number in ((" ", 40), ("G", 500), ("g", 2)):
        _pause(shell)
        shell.keys(keys)
        shell.see(rf"(?<!\d){number}\s")
    _pause(shell)
    shell.keys("q")
    shell.see(re.escape(PS1))
    shell.leave()


@pytest.mark.parametrize("top", ["/usr/bin/top", "/bin/busybox top"], ids=["procps", "busybox"])
def test_top_refreshes(linux, top):
    shell = Session(linux, "/bin/bash --norc -i")
    shell.keys(f"{top} -d 1\r")
    shell.see("PID")
    for _ in range(3):  # only what has changed is painted again
        shell.see(r"\btop\b")
    shell.keys("q")
    shell.see(re.escape(PS1))
    shell.leave()


def test_keys_reach_a_command_given_to_tools_run():
    line = [str(ROOT / "tools" / "run"), "--packages", "bash", "--cmd", "run /bin/bash --norc -i"]
    with pexpect.spawn(line[0], line[1:], encoding="utf-8", timeout=120) as run:
        run.expect(r"bash-[\d.]+# ")
        run.send("echo $((6 * 7))\r")
        run.expect(r"[\r\n]42\s")
        run.send("exit 5\r")
        run.expect(pexpect.EOF)
        run.close()
    assert run.exitstatus == 5
