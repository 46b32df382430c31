"""What each compiler and each formatter that is installed makes of the sources."""

import glob
import json
import os
import re
import shlex
import subprocess

from bident import ROOT, Failure, build

ONCE = ROOT / "tests" / "unit" / "once.c"
SAMPLE = "kernel/lib/bitmap.c"  # is compiled with the flags that all of the kernel is
CLANG_FORMAT = "/usr/bin/clang-format"
# Those that agree in everything. Others lay out the body of a macro in ways of their own, and are not asked about it.
FORMAT_DECIDES = (14, 15)
_MACRO = re.compile(r"^[ \t]*#[ \t]*define\b(?:[^\n]*\\\n)*[^\n]*\n", re.M)
_KERNEL_FOLDERS = ("arch", "boot", "kernel", "mm", "tests")


def installed(kind):
    """The system's own gcc or clang, and every other version of it beside that."""
    found = {os.path.realpath(path): path for path in [*sorted(glob.glob(f"/usr/bin/{kind}-[0-9][0-9]")), f"/usr/bin/{kind}"]
             if os.path.exists(path)}
    return sorted(found.values())


# ---- accesses that must happen each time ----

def _flags(variant):
    """Those of the kernel's C files, without what is for another output than assembly."""
    commands = json.loads((build.folder(variant) / "compile_commands.json").read_text(encoding="utf-8"))
    command = next(it["command"] for it in commands if it["file"].endswith(SAMPLE))
    words = shlex.split(command)[1:]
    for option in ("-MQ", "-MF", "-o", "-c"):
        at = words.index(option)
        del words[at:at + 2]
    return [word for word in words if not word.startswith(("-flto", "-fno-fat-lto", "-g", "-MD"))]


def _functions(assembly):
    """name → its labels and instructions."""
    functions, lines = {}, []
    for line in assembly.splitlines():
        start = re.match(r"(\w+):", line)
        if start:
            lines = functions.setdefault(start[1], [])
        elif line.strip() and not re.match(r"\s*\.(?!L)", line):
            lines.append(line.partition("#")[0].strip())
    return functions


def _loops(lines):
    """The instructions of each loop: from a label to a jump back to it."""
    labels = {line.rstrip(":"): at for at, line in enumerate(lines) if line.endswith(":")}
    for at, line in enumerate(lines):
        jump = re.fullmatch(r"j\w+\s+(\S+)", line)
        if jump and labels.get(jump[1], at) < at:
            yield lines[labels[jump[1]]:at]


def wrong_accesses(assembly):
    """The functions of once.c that leave out an access, and how many were looked at."""
    wrong, seen = [], 0
    for name, lines in _functions(assembly).items():
        what, _, subject = name.partition("_")
        if what not in ("loop", "twice", "store"):
            continue
        seen += 1
        variable = re.compile(rf"\bsubject_{subject}\b")
        if what == "loop":
            loops = list(_loops(lines))
            right = loops and all(any(variable.search(line) for line in loop) for loop in loops)
        else:
            right = sum(1 for line in lines if variable.search(line)) == 2
        if not right:
            wrong.append(name)
    return wrong, seen


def check_accesses(report):
    promised = 3 * (3 * len(re.findall(r"^EACH_WAY\(", ONCE.read_text(encoding="utf-8"), re.M)) + 2)
    for variant, (_, kind, _) in build.VARIANTS.items():
        for compiler in installed(kind):
            name = f"build: READ_ONCE by {os.path.basename(compiler)} ({variant})"
            if not report.selected(name):
                continue
            build.build(variant, [build.KERNEL])
            done = subprocess.run([compiler, *_flags(variant), "-S", "-o", "-", str(ONCE)], cwd=build.folder(variant),
                                  capture_output=True, text=True)
            wrong, seen = wrong_accesses(done.stdout)
            report.result(done.returncode == 0 and not wrong and seen == promised, name,
                          "\n".join([done.stderr.rstrip(), *(f"    {function}" for function in wrong)]).strip("\n"))


# ---- every version of a compiler that is here ----

def check_others(report):
    """The kernel by each version but the system's own, which the variants use: without a warning."""
    for kind in ("gcc", "clang"):
        own = os.path.realpath(f"/usr/bin/{kind}")
        for compiler in installed(kind):
            if os.path.realpath(compiler) == own:
                continue
            for options in ([], ["-Ddebug_checks=true"]):
                name = f"build: by {' '.join([os.path.basename(compiler), *options])}"
                if report.selected(name):
                    details = build.build_apart(compiler, options)
                    report.result(not details, name, details)


# ---- how the sources look ----

def _format_version():
    text = subprocess.run([CLANG_FORMAT, "--version"], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"version (\d+)", text)[1])


def _looks_wrong(path, with_macros):
    text = path.read_text(encoding="utf-8")
    formatted = subprocess.run([CLANG_FORMAT, str(path)], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return text != formatted if with_macros else _MACRO.sub("", text) != _MACRO.sub("", formatted)


def check_format(report):
    if not report.selected("build: clang-format"):
        return
    if not os.path.exists(CLANG_FORMAT):
        raise Failure(f"{CLANG_FORMAT} is missing (tools/setup installs it)")
    version = _format_version()
    decides = version in FORMAT_DECIDES
    sources = [path for folder in _KERNEL_FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.suffix in (".c", ".h")]
    bad = [path for path in sources if _looks_wrong(path, decides)]
    name = f"build: clang-format {version}" + ("" if decides else f" (but for macros, which look as versions {FORMAT_DECIDES} have them)")
    report.result(not bad, name, "\n".join(f"    {path.relative_to(ROOT)}" for path in bad))
