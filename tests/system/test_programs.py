"""Unmodified programs: Debian's busybox, and those of one's own."""

import re
import subprocess
import time

import pytest

from bident import ROOT, initramfs, oracle
from conftest import assert_kept

SCRIPT = ('run /bin/busybox sh -c "echo hello | /bin/busybox tr a-z A-Z; i=0; while [ $i -lt 100 ]; '
          'do /bin/busybox true; i=$((i+1)); done; echo $i"')


def test_script(guest):
    assert guest.ok(SCRIPT, timeout=120).split() == ["HELLO", "100"]


@pytest.mark.parametrize("status", [1, 7, 126, 127, 200, 255])
def test_script_that_fails(guest, status):
    _, got = guest.command(f'run /bin/busybox sh -c "exit {status}"')
    assert got == status


def test_killed_program(guest):
    _, status = guest.command("run /bin/busybox sh -c 'kill -9 $$'")
    assert status == 128 + 9
    _, status = guest.command("run /bin/busybox sh -c 'kill -TERM $$'")
    assert status == 128 + 15


def test_program_that_is_not_there(guest):
    text, status = guest.command("/no/such/program")
    assert status == 127 and text.count("\n") == 1


def test_program_whose_interpreter_is_not_there(guest):
    guest.ok("run /bin/busybox sh -c 'echo \"#!/no/such\" >/tmp/lost; chmod +x /tmp/lost'")
    text, status = guest.command("/tmp/lost")
    assert status == 127 and "interpreter" in text
    guest.ok("run /bin/busybox rm /tmp/lost")


def test_programs_leak_nothing(guest):
    guest.ok("/bin/busybox true")
    before = guest.account()
    guest.ok("repeat 20 /bin/busybox sh -c 'echo a | cat | wc >/dev/null'", timeout=120)
    assert_kept(before, guest.account())


def test_static_pie(guest, tree):
    text, status = guest.command("/tests/static-pie/exec")
    assert status == 0
    with oracle.Oracle(tree) as linux:
        expected, _ = linux.run(["/tests/static-pie/exec"])
    assert text == expected


def test_background_job(guest):
    text = guest.ok("/bin/busybox sleep 1 &")
    assert re.search(r"\d+", text)
    guest.ok("ps")
    guest.ok("/bin/busybox sleep 2")
    assert not any(name == "sleep" or name == "busybox" for _, _, name in guest.tasks().values())


def test_time_and_sequence(guest):
    text = guest.ok("/bin/busybox echo one; /bin/busybox echo two # three")
    assert text.split() == ["one", "two"]
    text = guest.ok("time /bin/busybox sleep 1")
    assert re.search(r"1[.,]\d+ *s|1\d\d\d ?ms", text), text


def test_interrupt(guest):
    guest.send("/bin/busybox sleep 1000\r")
    guest.expect(r"\r\n", 10)
    _wait_for(guest)
    guest.send("\x03")
    _, status = guest.wait_prompt(10)
    assert status == 128 + 2


def _wait_for(guest):
    """Give the program a moment to start: there is nothing on the console to wait for."""
    try:
        guest.expect(r"\0never\0", 1.0)
    except TimeoutError:
        pass


def test_stop_and_continue(guest):
    guest.send("/bin/busybox sleep 1000\r")
    guest.expect(r"\r\n", 10)
    _wait_for(guest)
    guest.send("\x1a")
    text, status = guest.wait_prompt(10)
    assert status == 128 + 20 or "topped" in text
    (pid, state), = [(pid, state) for pid, (_, state, name) in guest.tasks().items() if name in ("sleep", "busybox")]
    assert state == "T"
    guest.ok(f"kill SIGCONT {pid}")
    assert guest.tasks()[pid][1] == "S"
    guest.ok(f"kill SIGKILL {pid}")
    guest.ok("ps")
    assert pid not in guest.tasks() or guest.tasks()[pid][1] == "Z"


def test_interactive_shell(guest):
    guest.send("/bin/busybox sh\r")
    guest.expect(r"# ", 20)
    guest.send("echo $((6*7))\r")
    guest.expect(r"\b42\b", 20)
    guest.send("sleep 1000\r")
    _wait_for(guest)
    guest.send("\x03")
    guest.expect(r"# ", 20)
    guest.send("exit 5\r")
    _, status = guest.wait_prompt(20)
    assert status == 5


def test_output_waits_for_its_reader(guest):
    guest.send("/bin/busybox seq 1 60000\r")
    time.sleep(5)  # nothing reads: what QEMU and the terminal between keep is full
    output, status = guest.wait_prompt()
    assert output.split("\n")[1:] == [str(n) for n in range(1, 60001)] and status == 0


def test_terminal_that_does_not_read_loses_nothing_of_the_shell(guest):
    """What the kernel itself says goes through the same port, and waits as a program's output does."""
    once = guest.ok("help")
    guest.send("repeat 80 help\r")
    time.sleep(5)
    output, status = guest.wait_prompt()
    assert status == 0 and output.count(once.splitlines()[-1]) == 80 and "were lost before this" not in output


def test_terminal_that_stops_does_not_stop_the_kernel(boot):
    """The shell gives it up after ten seconds and goes on; what is lost is said when the terminal reads again."""
    guest = boot(initrd=False)
    guest.send("repeat 300 help\r")
    time.sleep(15)
    guest.expect(r"\[serial: \d{4,} bytes were lost before this\]", 60)
    guest.send("\r")
    guest.wait_prompt(60)
    assert "the child ran first" in guest.fork()[1]


def test_reads_what_is_typed(guest):
    guest.send("/bin/busybox sh -c 'read x; echo got:$x'\r")
    guest.expect(r"\r\n", 10)
    _wait_for(guest)
    guest.send("typed line\x7f\x7f\x7f\x7fthing\r")
    text, status = guest.wait_prompt(10)
    assert status == 0 and "got:typed thing" in text


def test_end_of_file_on_the_terminal(guest):
    guest.send("/bin/busybox wc\r")
    guest.expect(r"\r\n", 10)
    _wait_for(guest)
    guest.send("a b\r\x04")
    text, status = guest.wait_prompt(10)
    assert status == 0 and re.search(r"1 +2 +4", text)


def test_add(tmp_path):
    """tools/run --add: a program of one's own."""
    source = tmp_path / "mine.c"
    source.write_text('#include <stdio.h>\nint main(int c, char **v) { printf("%d %s\\n", c, v[1]); return 33; }\n')
    subprocess.run(["gcc", "-static", "-o", str(tmp_path / "mine"), str(source)], check=True)
    result = subprocess.run([str(ROOT / "tools" / "run"), "--add", str(tmp_path / "mine"),
                             "--add", f"{source}:/etc/source.c", "--cmd", "/bin/busybox wc -l /etc/source.c",
                             "--cmd", "/bin/mine argument"], capture_output=True, text=True, timeout=180)
    assert result.returncode == 33, result.stdout + result.stderr
    assert "2 argument" in result.stdout and "2 /etc/source.c" in result.stdout


def test_standard_tree_is_what_linux_unpacks(tree):
    """The archive means the same to busybox's cpio as to Bident: the programs of tests/user rely on it."""
    with oracle.Oracle(initramfs.standard_tree()) as linux:
        text, status = linux.run(["/bin/busybox", "find", "/etc"])
    assert status == 0 and "/etc/passwd" in text
