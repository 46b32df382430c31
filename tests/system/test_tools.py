"""The tools themselves: what a person types must work, and say clearly when it cannot."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pexpect
import pytest

from bident import ROOT, initramfs, machine, qmp, repeats, screen, tap


def tool(name, *arguments, timeout=300, **keywords):
    return subprocess.run([str(ROOT / "tools" / name), *arguments], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, **keywords)


def test_readme_shows_what_happens():
    """The transcript at the beginning of README.md: the same words, whatever the numbers."""
    block = re.search(r"^```\n\$ (tools/run [^\n]*)\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    result = tool("run", *shlex.split(block[1])[1:])
    assert result.returncode == 0, result.stderr
    # ktty may just be looking at a key that was typed.
    shown = re.sub(r"(\[ktty\] \d+) R", r"\1 I", result.stdout)
    assert re.sub(r"\d+", "N", shown) == re.sub(r"\d+", "N", block[2])


def test_setup_is_quiet_when_nothing_is_missing():
    result = tool("setup")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.fixture
def elsewhere(tmp_path):
    """A PATH with all programs of this system but Debian's."""
    for folder in ("/usr/sbin", "/usr/bin"):
        for path in Path(folder).iterdir():
            if not path.name.startswith(("apt", "dpkg")) and not (tmp_path / path.name).is_symlink():
                (tmp_path / path.name).symlink_to(path)
    return tmp_path


def test_setup_without_apt_get(elsewhere):
    """It goes on where all is there, and otherwise names the programs that are not."""
    result = tool("setup", env={"PATH": str(elsewhere)})
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    for missing in ("nasm", "xorriso", "gcc"):
        (elsewhere / missing).unlink()
    result = tool("setup", "--run", env={"PATH": str(elsewhere)})
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr.splitlines()[0] == "tools/setup: missing: gcc nasm xorriso"
    assert tool("run", "--no-initrd", "--cmd", "fork", env={"PATH": str(elsewhere)}).returncode == 1


def test_run_needs_no_clang(elsewhere):
    for path in elsewhere.iterdir():
        if re.match("clang|gdb|spin|musl", path.name):
            path.unlink()
    assert "clang" not in os.listdir(elsewhere)
    result = tool("run", "--no-initrd", "--cmd", "fork", env={"PATH": str(elsewhere)})
    assert result.returncode == 0, result.stderr


def test_first_build_says_so(tmp_path):
    """On stderr, also when that is no terminal: a first build takes a while."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=lambda at, names: [n for n in names if Path(at) == ROOT and re.match(r"build|\.git$", n)])
    result = subprocess.run([copy / "tools" / "run", "--no-initrd", "--cmd", "fork"], capture_output=True, text=True, timeout=300,
                            stdin=subprocess.DEVNULL)
    assert result.returncode == 0, result.stderr
    assert re.fullmatch(r"building build/ with gcc, which takes a while the first time …\n", result.stderr)
    assert "the child ran first" in result.stdout


def test_debug():
    result = tool("debug", "--gdb-command", "thbreak edit_begin", "--gdb-command", "continue", "--gdb-command",
                  "bident-ps", "--gdb-command", "bident-current", "--gdb-command", "bident-pt 5")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "start_kernel" in result.stdout
    assert re.search(r"^ +4 +4 +1 .* running +shell$", result.stdout, re.M), result.stdout
    assert "task 4 (shell)" in result.stdout
    assert re.search(r"level 4 \[0\] .*owned", result.stdout)


def test_run_from_elsewhere(tmp_path):
    """Neither the folder it is started in nor another python3 on PATH matters."""
    fake = tmp_path / "python3"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    result = tool("run", "--no-initrd", "--cmd", "poweroff 5", cwd=tmp_path,
                  env={"PATH": f"{tmp_path}:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(tmp_path)})
    assert result.returncode == 5, result.stderr


@pytest.mark.parametrize("name, arguments, says", [
    *((name, arguments, says) for name in ("run", "debug") for arguments, says in (
        (["--cpu", "nonsense"], "--cpu: QEMU does not know 'nonsense'"), (["--cpu", ""], "--cpu"),
        (["--machine", "nonsense"], "--machine: QEMU does not know 'nonsense'"), (["--mem", "abc"], "--mem"), (["--mem", "7M"], "less than 8M"),
        (["--smp", "0"], "--smp"), (["--append", "quiet=1 video=800x600x8"], "video=800x600x8"), (["--append", "video=640x480"], "video=640x480"))),
    ("run", ["--packages", ","], "--packages"), ("run", ["--cmd", "ps", "--screenshot", "/nonexistent/x.png"], "cannot write to /nonexistent/x.png"),
    ("run", ["--cmd", "ps", "--screenshot", "x.gif"], ".png or .ppm"), ("test", ["kernel", "--smp", "0"], "--smp"),
    ("test", ["unit", "--smp", "2"], "--smp"), ("uapi-links", ["--help"], "usage: "), ("genoffsets", ["--help"], "usage: "),
    ("setup", ["--nonsense"], "--releases"),
])
def test_wrong_use(name, arguments, says):
    result = tool(name, *arguments)
    assert (result.returncode, result.stdout) == (machine.EXIT_USAGE, ""), result.stderr
    assert says in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [["--cpu", "max,nonsense=1"], ["--machine", "q35,nonsense=1"]])
def test_run_on_a_machine_that_qemu_refuses(arguments):
    result = tool("run", "--no-initrd", *arguments, "--cmd", "fork")
    assert result.returncode == machine.EXIT_MACHINE_DIED, result.stdout + result.stderr
    assert "qemu-system-x86_64: " in result.stdout
    assert tool("debug", *arguments).returncode == machine.EXIT_MACHINE_DIED


def test_lines_that_were_not_typed():
    result = tool("run", "--no-initrd", "--cmd", "reboot", "--cmd", "ps", "--cmd", "fork")
    assert result.returncode == machine.EXIT_MACHINE_DIED
    assert result.stderr == "tools/run: 2 lines were not typed: 'reboot' ended the machine\n"


def test_output_that_cannot_be_written():
    with open("/dev/full", "w", encoding="ascii") as full:
        result = subprocess.run([str(ROOT / "tools" / "bench"), "--list"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (1, "tools/bench: No space left on device\n")
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="ascii") as broken:
        result = subprocess.run([str(ROOT / "tools" / "bench"), "--list"], stdout=broken, stderr=subprocess.PIPE, text=True)
    assert result.stderr == ""


def test_debug_ends_with_its_machine():
    """On SIGTERM, and where the kernel cannot run."""
    command = [str(ROOT / "tools" / "debug"), "--gdb-command", "continue"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = next(line.split()[-1] for line in process.stderr if "is also in" in line)
    assert os.path.exists(os.path.dirname(log))
    process.terminate()
    process.communicate(timeout=60)  # QEMU and gdb have let go of the pipes
    assert process.returncode == 128 + 15 and not os.path.exists(os.path.dirname(log))
    result = tool("debug", "--cpu", "pentium3", "--gdb-command", "continue")
    assert result.returncode == machine.EXIT_MACHINE_DIED and "Bident needs" in result.stderr, result.stderr


def test_run_passes_on_what_the_kernel_says_of_its_words():
    """The boot log is not shown with --cmd, but what is wrong with the words given is."""
    result = tool("run", "--no-initrd", "--append", "fork.shar=1", "--append", "fork.share=3 init=/bin/nothing", "--cmd", "fork")
    assert result.returncode == 0, result.stderr
    for part in ("fork.shar: did you mean fork.share?", "fork.share: bad value '3'", "init=/bin/nothing: cannot run it"):
        assert part in result.stderr, result.stderr
    result = tool("bench", "--rows", "null_getppid", "--only", "bident", "--no-wall", "--append", "fork.shar=1")
    assert result.returncode == machine.EXIT_USAGE and "did you mean fork.share?" in result.stderr, result.stdout + result.stderr


def test_memory_for_what_is_added(tmp_path):
    """Unless told, the machine has room for the archive and for what comes out of it."""
    big = tmp_path / "big"
    big.write_bytes(bytes(150 << 20))
    result = tool("run", "--add", f"{big}:/big", "--cmd", "/bin/busybox wc -c /big")
    assert result.returncode == 0 and f"{150 << 20} /big" in result.stdout, result.stdout + result.stderr


def test_two_at_once():
    runs = [subprocess.Popen([str(ROOT / "tools" / "run"), "--cmd", f"/bin/busybox echo number {n}", "--cmd",
                              f"poweroff {n}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for n in (11, 12)]
    for n, process in zip((11, 12), runs):
        output, errors = process.communicate(timeout=300)
        assert process.returncode == n, output + errors
        assert f"number {n}\n" in output


def test_lines_from_a_pipe():
    result = subprocess.run([str(ROOT / "tools" / "run"), "--no-initrd"], capture_output=True, text=True,
                            timeout=300, input="fork\nfrok\n")
    assert result.returncode == 127, result.stdout + result.stderr
    assert "the child ran first" in result.stdout


@pytest.mark.parametrize("emulator, keys, status", [
    ("qemu", "poweroff 21\r", 21), ("qemu", "\x1dx", 0), ("bochs", "poweroff\r", 0), ("bochs", "\x1dx", 0)])
def test_interactive(emulator, keys, status):
    """On a terminal every key but Ctrl-] is the guest's."""
    terminal = pexpect.spawn(str(ROOT / "tools" / "run"), ["--no-initrd", "--emulator", emulator], encoding="utf-8", timeout=120)
    terminal.expect("bident> ")
    terminal.send("frok\x01\x06\x7f\x06\x06\x06\x06\x0b\x03")
    terminal.expect(r"bident \[130\]> ")
    terminal.send("fork\r")
    terminal.expect("the child ran first")
    terminal.expect("bident> ")
    terminal.send(keys)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == status, terminal.before


def test_screenshot(tmp_path):
    picture = tmp_path / "screen.ppm"
    result = tool("run", "--no-initrd", "--cmd", "fork", "--screenshot", str(picture))
    assert result.returncode == 0, result.stderr
    rows = screen.Picture(picture).text()
    assert screen.shows(rows, "; the child ran first"), rows


def test_blind_typing():
    result = tool("run", "--no-initrd", "--no-serial", "--cmd", "fork", "--cmd", "poweroff 33")
    assert result.returncode == 33, result.stdout + result.stderr
    result = tool("run", "--no-initrd", "--no-serial", "--cmd", "frok")
    assert result.returncode == 127 and "bident> frok" in result.stdout, result.stdout + result.stderr


TAP = {
    "1..2\nok 1 - a\nok 2 - b\n": (2, 0, 0),
    "1..2\nok 1 - a\nnot ok 2 - b\n": (1, 1, 0),
    "1..2\nok 1 - a\n": (1, 1, 0),
    "ok 1 - a # SKIP no time\n1..1\n": (0, 1, 1),
    "": (0, 1, 0),
    "1..0\n": (0, 0, 0),
    "KTAP version 1\n1..1\n    1..2\n    ok 1 a\n    not ok 2 b\nnot ok 1 suite\n": (1, 1, 0),
    "KTAP version 1\n1..1\n    1..1\n    ok 1 a\nok 1 suite\n": (1, 0, 0),
    "1..3\r\nok 1 - a\r\nKERNEL PANIC": (1, 1, 0),
}


@pytest.mark.parametrize("text", TAP)
def test_tap(text):
    results = tap.parse(text, "x")
    assert (results.passed, results.failed, results.skipped) == TAP[text]


def test_equal_lines_are_found():
    """Of a file that is copied, all lines that count; of a copied piece, only from the eighth line on."""
    text = (ROOT / "kernel/wait.c").read_text()
    lines = repeats.counted_lines(text)
    assert repeats.repeated({"wait.c": text}) == []
    assert repeats.repeated({"a.c": text, "b.c": text}) == [[len(lines), "a.c", lines[0][0], "b.c", lines[0][0]]]
    piece = [line for _, line in lines[40:40 + repeats.EQUAL_LINES]]
    assert repeats.repeated({"wait.c": text, "b.c": "int b;\n\n\t" + "\n\n".join(piece)}) == \
        [[repeats.EQUAL_LINES, "wait.c", lines[40][0], "b.c", 3]]
    assert repeats.repeated({"wait.c": text, "b.c": "\n".join(piece[1:])}) == []


def test_long_functions_are_found():
    def function(name, lines):
        return f"static int {name}(int a,\n\t\tint b)\n{{\n" + "\tb += a;\n" * lines + "}\n"

    short = [(f"f{n}", 3) for n in range(20)]
    text = "".join(function(name, lines) for name, lines in [*short, ("long_one", 61), ("copy_process", 61)])
    assert repeats.functions(text) == [*short, ("long_one", 61), ("copy_process", 61)]
    assert repeats.wrong_lengths(short + [("copy_process", 61)]) == []
    assert repeats.wrong_lengths(repeats.functions(text)) == ["long_one has 61 lines, more than 60"]
    assert len(repeats.wrong_lengths([("f", 21)] * 3 + short[:10])) == 1
    assert len(repeats.wrong_lengths([("f", 9)] * 20)) == 1


def test_initramfs_refuses_odd_paths():
    tree = initramfs.Tree()
    tree.add_file("a/b", b"x")
    for path in ("", "/absolute", "../up", "a/../../b"):
        with pytest.raises(Exception, match="bad path"):
            tree.add_file(path, b"")
    with pytest.raises(Exception, match="not a folder"):
        tree.add_file("a/b/c", b"")


def test_every_character_has_a_key():
    for code in range(32, 127):
        assert qmp.key_names(chr(code))


def test_exit_status_of_qemu():
    assert machine.guest_status(1) == (None, False) and machine.qemu_refused(1)
    assert machine.guest_status(253) == (0, False)
    assert machine.guest_status(3) == (1, False)
    assert machine.guest_status(15) == (7, False)
    assert machine.guest_status(255) == (machine.EXIT_PANIC, True)
    assert machine.guest_status(0) == (None, False)
    assert machine.guest_status(-9) == (None, False)
