"""What GRUB hands over: command line, modules, and modules that are broken."""

import bz2
import gzip
import lzma
import re

import pytest

from bident import console, initramfs, machine
from conftest import assert_kept


class Bytes:
    """An initramfs of exactly these bytes."""

    def __init__(self, data):
        self._data = data

    def archive(self):
        return self._data


def whole():
    tree = initramfs.standard_tree()
    return tree.archive()


CORRUPT = {
    "empty": lambda data: b"",
    "one byte": lambda data: data[:1],
    "text": lambda data: b"this is no archive at all, " * 50,
    "cut in a header": lambda data: data[:150],
    "cut in the busybox": lambda data: data[: len(data) // 2],
    "no trailer": lambda data: data[: data.rindex(b"070701")],
    "bad digit": lambda data: data[:20] + b"zz" + data[22:],
    "huge size": lambda data: data[:54] + b"FFFFFFFF" + data[62:],
    "huge name": lambda data: data[:94] + b"FFFFFFFF" + data[102:],
    "wrong magic later": lambda data: data.replace(b"070701", b"070703").replace(b"070703", b"070701", 3),
    "name with ..": lambda data: data.replace(b"etc/passwd\0", b"../passwd\0\0", 1),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_corrupt_initramfs(boot, name):
    guest = boot(with_tree=Bytes(CORRUPT[name](whole())))
    if name not in ("empty", "name with .."):
        assert re.search(r"initramfs.*: \w+", guest.boot_log + guest.ok("dmesg")), guest.boot_log
    assert "the child ran first" in guest.fork()[1]


COMPRESSED = {"gzip": gzip.compress(b"070701"), "xz": lzma.compress(b"070701"), "bzip2": bz2.compress(b"070701"), "zstd": b"\x28\xb5\x2f\xfd" + bytes(50)}


@pytest.mark.parametrize("kind", COMPRESSED)
def test_compressed_initramfs(boot, kind):
    guest = boot(with_tree=Bytes(COMPRESSED[kind]))
    assert f"initramfs: compressed by {kind}" in guest.boot_log
    assert "the child ran first" in guest.fork()[1]


def test_initramfs_that_does_not_fit(boot):
    tree = initramfs.standard_tree()
    tree.add_file("zz-big", bytes(40 << 20))
    guest = boot(with_tree=tree, memory="96M")
    assert re.search(r"initramfs: it does not fit into this machine's memory; what came before it is there$", guest.boot_log, re.M), guest.boot_log
    assert guest.ok("/bin/busybox echo well") == "well\n"
    guest = boot(with_tree=tree, memory="32M")  # GRUB finds no room
    assert "initramfs: the loader found no room for it in this machine's memory" in guest.boot_log
    assert "command line: " not in guest.boot_log and "the child ran first" in guest.fork()[1]


def test_words_that_nothing_takes_are_named(boot):
    guest = boot(initrd=False, append="fork.shar=pages schd.child_first=0 intt=/bin/sh no.such video=auto")
    log = guest.boot_log
    for word, meant in (("fork.shar", "fork.share"), ("schd.child_first", "sched.child_first"), ("intt", "init")):
        assert f"command line: {word}: did you mean {meant}?" in log
    assert "command line: no.such: nothing has this name" in log and log.count("command line: ") == 4
    for word, meant in (("fork.shar", "fork.share"), ("quite", "quiet")):
        for line in (f"set {word} 1", f"set {word}", f"set {word}=1"):
            text, status = guest.command(line)
            assert status != 0 and f"did you mean {meant}?" in text, text
    text, status = guest.command("set no.such.thing 1")
    assert status != 0 and "did you mean" not in text and "`set` lists them" in text


def test_switches_on_the_command_line(boot):
    guest = boot(initrd=False, append="fork.share=pages sched.child_first=0 commit=0123abcd")
    assert "Bident 0123abcd, a kernel about fork" in guest.boot_log
    assert "pages" in guest.ok("set fork.share")
    assert "0" in guest.ok("set sched.child_first")
    assert "the child ran first" not in guest.fork()[1]


def test_unknown_words_on_the_command_line(boot):
    guest = boot(initrd=False, append="fork.share=sideways no.such=1 ==== x=" + "y" * 300)
    guest.fork()


def test_init_program(tree):
    options = machine.Options(append="init=/bin/sh")
    with machine.Medium(options, tree) as medium, console.Console(medium) as guest:
        guest.expect(r"# ", 120)
        guest.send("echo $((6*7)); exit 9\r")
        ended = guest.wait_end(30)
    assert "42" in ended.output and ended.status == 9


@pytest.mark.parametrize("path", ["/no/such/init", "/etc/passwd"])
def test_init_that_cannot_run_leaves_a_shell(boot, path):
    guest = boot(append=f"init={path}")
    assert f"init={path}: cannot run it" in guest.boot_log
    assert "the child ran first" in guest.fork()[1]
    assert guest.ok("/bin/busybox echo well") == "well\n"


def test_suite_on_the_command_line():
    options = machine.Options(append="test=nosuchsuite", initrd=False)
    with machine.Medium(options) as medium, console.Console(medium) as guest:
        ended = guest.wait_end(120)
    assert ended.status == 1 and "no such suite" in ended.output


def test_failing_allocation_by_hand(boot):
    """fail=SITE:N: one fork fails for want of memory, the next works, nothing is lost."""
    guest = boot(initrd=False)
    sites = re.findall(r"^fail (\S+) ", guest.ok("set fail"), re.M)
    assert {"page", "slab"} <= set(sites)
    guest.fork()
    before = guest.account()
    failed = 0
    for n in range(1, 60):
        guest.ok(f"set fail slab:{n}")
        text, status = guest.command("fork")
        guest.ok("set fail slab:0")
        if status == 0:
            break
        assert "ENOMEM" in text or "EAGAIN" in text, text
        assert "nothing was made" in text
        failed += 1
        assert_kept(before, guest.account())
    assert failed > 2 and status == 0
