"""A second emulator: Bochs has CPU models, devices and firmware of its own; some models have an invariant TSC and AVX-512."""

import re

import pytest

from bident import console, machine
from test_machines import tools_run
from test_programs import SCRIPT

# What `cpu` says of each: vector registers and clock.
CPUS = {
    "corei7_skylake_x": ("AVX AVX-512", "TSC"),
    "ryzen": ("x87 SSE AVX$", "TSC"),
    "athlon64_clawhammer": ("FXSAVE", "HPET"),
}


@pytest.mark.parametrize("cpu", CPUS)
def test_bochs(boot, cpu):
    guest = boot(emulator="bochs", cpu=cpu, append="quiet=1", timeout=300)
    vectors, clock = CPUS[cpu]
    assert re.search(f"^FPU: .*{vectors}", guest.ok("cpu"), re.M) and f"clock {clock}, " in guest.ok("cpu"), guest.ok("cpu")
    before = guest.account()
    child, text = guest.fork()
    assert "the child ran first" in text and "1 shared, 0 copied" in text, text
    assert guest.tasks()[child][0] == guest.selected()
    guest.ok(f"kill SIGKILL {child}")
    guest.ok("wait")
    assert guest.account()["tasks"] == before["tasks"]
    assert guest.ok(SCRIPT, timeout=120).split() == ["HELLO", "100"]
    text = guest.ok("/tests/glibc/vdso")
    assert "CLOCK_MONOTONIC: agrees" in text and "DISAGREES" not in text and "NO\n" not in text, text
    text = guest.ok("/tests/glibc/fpu", timeout=300)
    assert "after a handler: kept" in text and "LOST" not in text and "exited 1" not in text, text
    results = guest.ok("test", timeout=600)
    passed = re.search(r"^# ktest: (\d+) passed, 0 failed", results, re.M)
    assert passed and int(passed[1]) > 50, results
    # The last bytes are still in the serial port when the machine is told to go off.
    guest.send("cpu; poweroff\r")
    ended = guest.wait_end(60)
    assert ended.status is None and re.search(r" \d+ forks\n\Z", ended.output), ended.output


def test_bochs_reboot(tree):
    with machine.Medium(machine.Options(emulator="bochs"), tree) as medium, console.Console(medium, allow_reboot=True) as guest:
        guest.wait_prompt(300)
        guest.send("reboot\r")
        guest.wait_prompt(300)
        assert "shell" in guest.ok("ps")
        guest.power_off()


@pytest.mark.parametrize("line, status", [
    ("use 999", 1), ("poweroff 3", 3), ("reboot", 0), ("crash panic", machine.EXIT_PANIC), ("/bin/busybox cat", machine.EXIT_TIMEOUT)])
def test_bochs_ends(line, status):
    result = tools_run("--emulator bochs --timeout " + ("20" if status == machine.EXIT_TIMEOUT else "120"), line)
    assert result.returncode == status, result.stdout + result.stderr


def test_bochs_refusals():
    result = tools_run("--emulator bochs --cpu pentium", "ps")
    assert result.returncode == machine.EXIT_MACHINE_DIED, result.stdout + result.stderr
    assert "Bident needs a 64-bit processor" in result.stdout
    for options in ("--uefi", "--smp 2", "--mem 4G", "--cpu max,+nosuch"):
        assert tools_run(f"--emulator bochs {options}", "ps").returncode == machine.EXIT_USAGE, options
