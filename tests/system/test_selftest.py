"""The self-test: its verdict, and its QR code as a camera would read it off the screen."""

import re
import subprocess

from bident import console, machine, qmp, run

LARGE = ("-vga", "none", "-device", "VGA,vgamem_mb=64,xres=3840,yres=2160")


def photographed(path):
    """The text of the QR code on this picture, by a decoder that is not ours."""
    result = subprocess.run(["zbarimg", "-q", "--raw", "-Sbinary", str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert result.returncode == 0, "zbarimg finds no code on the screen"
    return result.stdout


def self_test(tree, tmp_path, options, card=()):
    """Starts with it, as GRUB's menu does: (the facts on the serial port, those in the code, the picture, the status)."""
    with machine.Medium(options, tree) as medium, console.Console(medium, card) as guest:
        _, status = guest.wait_prompt(600)
        facts = re.search(r"^Bident self-test: [\s\S]*?^compiler [^\n]*\n", console.readable(guest.log), re.M)
        assert facts, guest.log
        screen = qmp.Qmp(medium.qmp_socket)
        picture = run.wait_still(screen, medium, 60)
        screen.screenshot(tmp_path / "screen.ppm")
        screen.close()
        return facts[0], photographed(tmp_path / "screen.ppm"), picture, status


def test_passed(tree, tmp_path):
    facts, code, picture, status = self_test(tree, tmp_path, machine.Options(smp=2, append="cmd=selftest"))
    assert (picture.width, picture.height) == (1280, 800) and status == 0
    assert code == facts
    assert facts.startswith("Bident self-test: PASSED\nsuites ")
    passed, suites, right, tests, fine, programs = map(int, re.search(
        r"suites (\d+) of (\d+), tests (\d+) of (\d+), programs (\d+) of (\d+)\n", facts).groups())
    assert (passed, right, fine) == (suites, tests, programs) and suites > 10 and tests > 60 and programs > 15
    assert re.search(r"^cycles fork [1-9]\d*, \+exit\+wait [1-9]\d*, \+exec [1-9]\d*$", facts, re.M), facts
    assert re.search(r"^soak [1-9]\d* forks on 2 CPUs$", facts, re.M) and "cpu 2 x QEMU" in facts, facts
    assert "machine QEMU Standard PC (Q35" in facts
    pci = re.search(r"^pci((?: [0-9a-f]{4}:[0-9a-f]{4})+)$", facts, re.M)
    assert pci and "8086:2922" in pci[1] and "8086:29c0" not in pci[1], facts  # the SATA controller; not the host bridge


def test_failed_on_a_large_screen(tree, tmp_path):
    """A suite that is made to fail is named, on a screen of 3840 × 2160."""
    options = machine.Options(uefi=True, append="cmd=selftest selftest.fail=tree commit=0123abcd video=3840x2160x32")
    facts, code, picture, status = self_test(tree, tmp_path, options, LARGE)
    assert (picture.width, picture.height) == (3840, 2160) and status == 1
    assert code == facts and "\ncommit 0123abcd\n" in facts
    assert facts.startswith("Bident self-test: FAILED\nfailing: tree\nsuites "), facts
    passed, suites = map(int, re.search(r"suites (\d+) of (\d+),", facts).groups())
    assert passed == suites - 1


def test_text_screen_and_no_programs(tmp_path):
    """The kernel alone, and 25 rows: the code has room for the first lines, and the verdict is text beside it."""
    options = machine.Options(append="cmd=selftest video=text", initrd=False)
    facts, code, picture, status = self_test(None, tmp_path, options)
    assert (picture.width, picture.height) == (720, 400) and status == 0
    text = picture.text()
    assert any(line.endswith("  Bident self-test: PASSED") for line in text), "\n".join(text)
    assert facts.startswith(code) and code.count("\n") >= 2, code
    assert "programs 0 of 0" in facts


def test_no_such_suite(boot):
    guest = boot(append="selftest.fail=frok", initrd=False)
    assert guest.command("selftest") == ("selftest.fail=frok: there is no such suite\n", 2)
