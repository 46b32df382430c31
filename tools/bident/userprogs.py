"""Compiles the C programs of tests/user, each with glibc and with musl, static; some also as dynamic programs."""

import concurrent.futures
import os
import subprocess

from bident import ROOT, Failure, build

SOURCES = ROOT / "tests" / "user"
OUTPUT = ROOT / "build" / "user"
FLAGS = ["-static", "-O1", "-g0", "-s", "-pthread", *build.warning_flags(),
         # Wrong pointers and sizes are what some of them are about.
         "-Wno-stringop-overflow", "-Wno-stringop-overread", "-Wno-nonnull"]
# musl does not bring the kernel's own headers.
LIBRARIES = {
    "glibc": ["/usr/bin/gcc"],
    "musl": ["/usr/bin/musl-gcc", "-idirafter", "/usr/include",
             "-idirafter", "/usr/include/x86_64-linux-gnu"],
}


# For a debugger: dynamic, with line numbers, and at the same addresses on each kernel.
TRACED = ["-g", "-gdwarf-4", "-O0", "-fno-pie", "-no-pie", f"-fdebug-prefix-map={SOURCES}=/tests"]

# Those that lean on ld.so or libc at work: threads, exec, spawn, signals.
DYNAMIC = ("exec", "handlers", "memory", "pthreads", "spawn", "thr_fork", "thr_life")


def names():
    """Programs whose output is compared with Linux's."""
    return sorted(path.stem for path in SOURCES.glob("*.c"))


def attacks():
    """Programs of an unprivileged user, each against a set of root's: also compared with Linux."""
    return sorted(path.stem for path in (SOURCES / "attack").glob("*.c"))


def _jobs():
    for library in LIBRARIES:
        for path in sorted(SOURCES.glob("*.c")):
            yield library, path, OUTPUT / library / path.stem, []
    for folder in ("alone", "attack"):
        for path in sorted((SOURCES / folder).glob("*.c")):
            yield "glibc", path, OUTPUT / folder / path.stem, []
    for path in sorted((SOURCES / "traced").glob("*.c")):
        yield "glibc", path, OUTPUT / "traced" / path.stem, TRACED
    for name in DYNAMIC:
        yield "glibc", SOURCES / f"{name}.c", OUTPUT / "dynamic" / name, ["-fPIE", "-pie"]
    yield "glibc", SOURCES / "exec.c", OUTPUT / "static-pie" / "exec", ["-static-pie", "-fPIE"]


def _compile(job):
    library, source, target, extra = job
    newest = max(os.path.getmtime(path) for path in (source, *SOURCES.glob("*.h"), *source.parent.glob("*.h"), __file__))
    if target.exists() and target.stat().st_mtime > newest:
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(f".{os.getpid()}.tmp")
    left_out = {"-s", "-g0", "-static"} if extra is TRACED else {"-static"} if extra else set()
    flags = [f"-I{SOURCES}", *(flag for flag in FLAGS if flag not in left_out)]
    result = subprocess.run([*LIBRARIES[library], *flags, *extra, "-o", str(temporary), str(source)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        return f"{result.stdout.rstrip()}\ncompiling {source.relative_to(ROOT)} with {library} failed"
    os.replace(temporary, target)  # another run may be using the old one
    return None


def compile_all():
    with build.checkout_lock(), concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        errors = [error for error in pool.map(_compile, _jobs()) if error]
    if errors:
        raise Failure("\n".join(errors))


def add_to(tree, only=None):
    """Into an initramfs, below /tests: all, or those of which `only(folder, name)` is true."""
    for folder in sorted(OUTPUT.iterdir()):
        if folder.is_dir():
            for program in sorted(folder.iterdir()):
                if program.suffix != ".tmp" and (only is None or only(folder.name, program.name)):
                    tree.add_from_disk(program, f"tests/{folder.name}/{program.name}")
    tree.add_from_disk(SOURCES / "cases", "tests/cases")
