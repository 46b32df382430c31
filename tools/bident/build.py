"""Builds the kernel with meson and ninja, each variant in a folder of its own."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

from bident import ROOT, Failure

MESON = "/usr/bin/meson"  # Debian's, not one that pip left on PATH
NINJA = "/usr/bin/ninja"
KERNEL = "bident.elf"

# Folder below the checkout, compiler, meson options. The compilers are the system's own, of any version that it comes with.
VARIANTS = {
    "gcc": ("build", "gcc", []),
    "debug": ("build-debug", "gcc", ["-Ddebug_checks=true"]),
    "clang": ("build-clang", "clang", []),
    "clang-debug": ("build-clang-debug", "clang", ["-Ddebug_checks=true"]),
}


def variant_name(compiler="gcc", debug_checks=False):
    if compiler == "gcc":
        return "debug" if debug_checks else "gcc"
    return "clang-debug" if debug_checks else "clang"


def folder(variant):
    return ROOT / VARIANTS[variant][0]


@contextlib.contextmanager
def checkout_lock(name="build"):
    """One build at a time in this checkout, in the folder of this name; the lock goes away with the process that holds it."""
    if not os.access(ROOT / name if (ROOT / name).exists() else ROOT, os.W_OK):
        raise Failure(f"cannot write to {name}/ in {ROOT}")
    fd = os.open(ROOT / "tools", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _run(command, what, verbose=False):
    """Runs quietly, and returns what it said; when it fails, that is shown."""
    if verbose:
        result = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL)
        output = ""
    else:
        result = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
        output = result.stdout
    if result.returncode != 0:
        raise Failure(f"{output.rstrip()}\n{what} failed".lstrip())
    return output


def compiler_version(compiler):
    """Its first line of --version: name and version."""
    try:
        return subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except OSError:
        raise Failure(f"{compiler} is missing (tools/setup installs it)") from None


def warning_flags():
    """As in meson.build: warnings, and the errors among them by name. For gcc, which knows them all."""
    lines = (ROOT / "tools" / "warnings").read_text(encoding="ascii").splitlines()
    return ["-Wall", "-Wextra", *(f"-Werror={line}" for line in lines if not line.startswith("#"))]


def _unit_test_list():
    """Changes whenever meson has to look at tests/unit again: it cannot notice a new file there."""
    digest = hashlib.sha256((ROOT / "tools" / "warnings").read_bytes())
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
    version = compiler_version(compiler)
    wanted = f"{version}\n{_unit_test_list()}"
    before = stamp.read_text(encoding="utf-8") if stamp.exists() else ""
    if (build / "build.ninja").exists() and before == wanted:
        return
    if (build / "build.ninja").exists() and before.startswith(f"{version}\n"):
        command = [MESON, "setup", "--reconfigure", str(build), str(ROOT)]
    else:
        # What another compiler made, or a set-up that was interrupted left; the programs and packages beside it stay.
        for left in ("meson-private", "bident.elf.p"):
            shutil.rmtree(build / left, ignore_errors=True)
        (build / "build.ninja").unlink(missing_ok=True)
        command = [MESON, "setup", *options, str(build), str(ROOT)]
    environment = [f"CC={compiler}", f"CC_FOR_BUILD={compiler}"]
    _run(["/usr/bin/env", *environment, *command], f"configuring {name}/")
    stamp.write_text(wanted, encoding="utf-8")


def _warnings(output):
    return "\n".join(line for line in output.splitlines() if re.search(r"\bwarning: ", line))


def build_apart(compiler, options):
    """Builds the kernel by another compiler in a folder that goes away; returns warnings and errors, of which there should be none."""
    with tempfile.TemporaryDirectory(prefix="bident-") as folder:
        try:
            _run(["/usr/bin/env", f"CC={compiler}", MESON, "setup", *options, folder, str(ROOT)], "configuring")
            return _warnings(_run([NINJA, "-C", folder, KERNEL], "building"))
        except Failure as failure:
            return str(failure)


def build(variant, targets=(), verbose=False, copy_to=None, warnings=False):
    """Brings a variant up to date and returns its folder. No targets: everything that is built by default.

    `copy_to`: a folder that gets copies of the targets, before another build can make them anew.
    `warnings`: return instead what the compilers had to say."""
    name = VARIANTS[variant][0]
    with checkout_lock(name):
        if not (ROOT / name / KERNEL).exists():
            print(f"building {name}/ with {VARIANTS[variant][1]}, which takes a while the first time …", file=sys.stderr, flush=True)
        _configure(variant)
        output = _run([NINJA, "-C", name, *targets], f"building {name}/", verbose)
        if copy_to:
            for target in targets:
                shutil.copy(ROOT / name / target, copy_to)
    return _warnings(output) if warnings else ROOT / name
