"""How a machine ends: switched off, panicked, hung; and what tools/run makes of it."""

import re
import subprocess
import time

import pytest

from bident import ROOT, machine, qmp


def tools_run(*arguments, timeout=300):
    return subprocess.run([str(ROOT / "tools" / "run"), *arguments], capture_output=True, text=True, timeout=timeout)


@pytest.mark.parametrize("status", [0, 7, 125])
def test_poweroff(boot, status):
    assert boot(initrd=False).power_off(status).status == status


def test_tools_run_poweroff():
    assert tools_run("--no-initrd", "--cmd", "poweroff 7").returncode == 7


def test_tools_run_status_of_last_command():
    result = tools_run("--cmd", "run /bin/busybox sh -c 'exit 200'", "--cmd", "run /bin/busybox false")
    assert result.returncode == 1
    assert tools_run("--cmd", "/bin/busybox sh -c 'exit 200'").returncode == 200
    assert tools_run("--no-initrd", "--cmd", "frok").returncode == 127


def test_tools_run_timeout():
    began = time.monotonic()
    result = tools_run("--cmd", "/bin/busybox sleep 1000", "--timeout", "15")
    assert result.returncode == machine.EXIT_TIMEOUT
    assert time.monotonic() - began < 120


def test_tools_run_panic():
    result = tools_run("--no-initrd", "--append", "commit=0123abcd", "--cmd", "crash panic")
    assert result.returncode == machine.EXIT_PANIC
    assert "KERNEL PANIC" in result.stdout
    assert re.search(r"last trace events:\n  none: `trace on`[^\n]*\ncommit 0123abcd\nend of panic\n", result.stdout)
    # The first entry is the call of panic(), the last instruction of its function: not what lies behind.
    assert re.search(r"RIP \S+ crash_panic\+", result.stdout) and re.search(r"backtrace:\n  \[\w+\] crash_panic\+", result.stdout)


@pytest.mark.parametrize("arguments", [["--bogus"], ["--add", "/no/such/file", "--cmd", "ps"], ["--mem", "lots"], ["--mem", "0M"],
                                       ["--smp", "0"], ["--emulator", "bochs", "--uefi"], ["--timeout", "-1"],
                                       ["--no-serial"], ["stray"]])
def test_tools_run_wrong_usage(arguments):
    result = tools_run(*arguments)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("tools/run: ")


# What must be in the report, and a function that must be in the backtrace.
DEFENCES = {
    "panic": (r"asked for by the shell", "shell"),
    "text": (r"(?i)page fault|write", "crash_text"),
    "exec": (r"(?i)page fault|execut|NX|W\^X", "crash_exec|shell_cmd_crash"),
    "smap": (r"(?i)SMAP|page fault|user", "crash_smap"),
    "null": (r"(?i)page fault|null", "crash_null"),
    "stack": (r"(?i)stack", "recurse"),
    "df": (r"(?i)double fault", "shell|crash|RSP|rsp"),
    "lock": (r"taken twice: (the second time )?at crash_lock\+0x[0-9a-f]+(, and before at crash_lock\+0x[0-9a-f]+)?\n", "crash_lock"),
}


@pytest.mark.parametrize("kind", DEFENCES)
def test_defence(boot, kind):
    guest = boot(initrd=False)
    guest.fork()  # something to be seen among the last trace events
    began = time.monotonic()
    guest.send(f"crash {kind}\r")
    ended = guest.wait_end(30)
    assert ended.status == machine.EXIT_PANIC, ended.output
    assert time.monotonic() - began < 25  # a report and an end, not a hang (which wait_end would call at 30)
    report = ended.output
    what, where = DEFENCES[kind]
    assert "KERNEL PANIC" in report
    assert re.search(what, report[report.index("KERNEL PANIC"):]), report
    assert re.search(where, report), report
    assert "backtrace:" in report and re.search(r"\w+\+0x[0-9a-f]+", report), report
    assert re.search(r"task \d+ \(shell\)", report), report
    assert "end of panic" in report


HARDWARE_ERRORS = {
    "mce 0 5 0xbe00000000000135 5 0x12345000 0":  # bank 5: valid, uncorrected, with an address; an error of a cache
        r"machine check: the hardware failed\n.*bank 5: uncorrected cache error, status 0xbe00000000000135, address 0x12345000, the CPU's state is lost",
    "nmi": "non-maskable interrupt: the chipset gives no reason",
}


@pytest.mark.parametrize("monitor_line", HARDWARE_ERRORS, ids=["machine check", "NMI"])
def test_hardware_error(boot, monitor_line):
    guest = boot(initrd=False)
    qmp.Qmp(guest.console.medium.qmp_socket).command("human-monitor-command", **{"command-line": monitor_line})
    ended = guest.wait_end(30)
    assert ended.status == machine.EXIT_PANIC, ended.output
    assert re.search("KERNEL PANIC: " + HARDWARE_ERRORS[monitor_line], ended.output.replace("\r", "")), ended.output


@pytest.mark.parametrize("base", ["-4096", "0xffffffff80000000", "0x1000"])
def test_nmi_while_a_program_has_this_gs_base(boot, base):
    """An NMI finds its CPU's data also if the program's GS base looks like the kernel's."""
    guest = boot()
    guest.send(f"/tests/alone/spin_gs {base}\r")
    guest.console.expect("^spins", 30)
    qmp.Qmp(guest.console.medium.qmp_socket).command("inject-nmi")
    ended = guest.wait_end(30)
    assert ended.status == machine.EXIT_PANIC, ended.output
    report = ended.output.replace("\r", "")
    assert "KERNEL PANIC: non-maskable interrupt" in report and re.search(r"task \d+ \(spin_gs\)", report) and "end of panic" in report, report


def test_guarded(boot):
    """A debug build notices a field that is written without the lock of its mark."""
    guest = boot(initrd=False, debug_checks=True)
    guest.send("crash guarded\r")
    ended = guest.wait_end(30)
    assert ended.status == machine.EXIT_PANIC, ended.output
    assert re.search(r"exit_state is touched at crash_guarded\+0x[0-9a-f]+ without the lock of its mark", ended.output)


def test_reboot(boot, tree):
    from bident import console
    options = machine.Options(initrd=False)
    with machine.Medium(options) as medium, console.Console(medium, allow_reboot=True) as guest:
        guest.wait_prompt(120)
        guest.send("reboot\r")
        guest.wait_prompt(120)
        assert "pid" in guest.ok("ps").lower()
