"""Builds the kernel with meson and ninja, each variant in a folder of its own."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

from bident import ROOT, Failure

MESON = "/usr/bin/meson"  # Debian's, not one that pip left on PATH
NINJA = "/usr/bin/ninja"
KERNEL = "bident.elf"

# Folder below the checkout, compiler, meson options.
VARIANTS = {
    "gcc": ("build", "gcc", []),
    "debug": ("build-debug", "gcc", ["-Ddebug_checks=true"]),
    "clang": ("build-clang", "clang-14", []),
    "clang-debug": ("build-clang-debug", "clang-14", ["-Ddebug_checks=true"]),
}


def variant_name(compiler="gcc", debug_checks=False):
    if compiler == "gcc":
        return "debug" if debug_checks else "gcc"
    return "clang-debug" if debug_checks else "clang"


def folder(variant):
    return ROOT / VARIANTS[variant][0]


@contextlib.contextmanager
def checkout_lock():
    """One build at a time in this checkout; the lock goes away with the process that holds it."""
    fd = os.open(ROOT / "tools", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _run(command, what, verbose=False):
    """Runs quietly; when it fails, shows what it said."""
    if verbose:
        result = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL)
        output = ""
    else:
        result = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
        output = result.stdout
    if result.returncode != 0:
        raise Failure(f"{output.rstrip()}\n{what} failed".lstrip())


def _unit_test_list():
    """Changes whenever meson has to look at tests/unit again: it cannot notice a new file there."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "tests" / "unit").glob("*_test.c")):
        digest.update(path.name.encode())
        with open(path, encoding="utf-8") as source:
            for line in source:
                if line.startswith(("// sources:", "// flags:")):
                    digest.update(line.encode())
    return digest.hexdigest()


def _configure(variant):
    name, compiler, options = VARIANTS[variant]
    build = ROOT / name
    stamp = build / "unit-tests.stamp"
    wanted = _unit_test_list()
    if (build / "build.ninja").exists():
        if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
            return
        command = [MESON, "setup", "--reconfigure", str(build), str(ROOT)]
    else:
        # What a set-up that was interrupted left; the programs and packages beside it stay.
        shutil.rmtree(build / "meson-private", ignore_errors=True)
        command = [MESON, "setup", *options, str(build), str(ROOT)]
    environment = [f"CC={compiler}", f"CC_FOR_BUILD={compiler}"]
    _run(["/usr/bin/env", *environment, *command], f"configuring {name}/")
    stamp.write_text(wanted, encoding="ascii")


def build(variant, targets=(), verbose=False, copy_to=None):
    """Brings a variant up to date and returns its folder. No targets: everything that is built by default.

    `copy_to`: a folder that gets copies of the targets, before anybody else can build them anew."""
    name = VARIANTS[variant][0]
    with checkout_lock():
        if not (ROOT / name / KERNEL).exists() and sys.stderr.isatty():
            print(f"building {name}/, which takes a while the first time …", file=sys.stderr, flush=True)
        _configure(variant)
        _run([NINJA, "-C", name, *targets], f"building {name}/", verbose)
        if copy_to:
            for target in targets:
                shutil.copy(ROOT / name / target, copy_to)
    return ROOT / name
