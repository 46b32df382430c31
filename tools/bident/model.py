"""tests/model: spin searches all states of the page-table tree's protocol, and must find its wrong variants wrong."""

import re
import subprocess

from bident import ROOT

SOURCE = ROOT / "tests" / "model" / "tree.pml"
OUTPUT = ROOT / "build" / "model"
TIMEOUT = 300

# What is checked, with which definitions; None: all must be right, otherwise what must be violated.
CHECKS = [
    ("own, flush, then drop", [], None),
    ("the drop before the flush", ["DROP_BEFORE_FLUSH"], "page_count"),
    ("the drop before the flush, looking only at writes", ["DROP_BEFORE_FLUSH", "ONLY_WRITES"], "tlb.rw"),
    ("a flush of one CPU alone", ["FLUSH_ONLY_HERE"], ""),
    ("a fork without flush", ["FORK_WITHOUT_FLUSH"], "tlb.rw"),
    ("an exit that drops what is loaded", ["DROP_WHILE_LOADED"], ""),
    ("a copy that is writable before the flush", ["WRITABLE_BEFORE_FLUSH"], "leaf==tlb.to"),
]


def _output(command, folder):
    result = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT)
    return result.returncode, result.stdout


def _search(defines):
    """What the search of one variant says."""
    folder = OUTPUT / ("-".join(defines).lower() or "right")
    folder.mkdir(parents=True, exist_ok=True)
    for command in (["/usr/bin/spin", "-a", *(f"-D{name}" for name in defines), str(SOURCE)],
                    ["/usr/bin/gcc", "-O2", "-w", "-DSAFETY", "-DMEMLIM=2000", "-o", "pan", "pan.c"]):
        status, text = _output(command, folder)
        if status:
            return text
    return _output(["./pan", "-m800000", "-w22"], folder)[1]


def _judge(text, violated):
    """(right, the one line to show). A search that was cut short proves nothing."""
    errors = re.search(r"errors: (\d+)", text)
    states = re.search(r"(\d+) states, stored", text)
    if not errors or not states:
        return False, "the search did not take place"
    found = re.search(r"^pan:\d+: (.*)$", text, re.M)
    if violated is None:
        complete = "Search not completed" not in text and "max search depth too small" not in text
        return errors[1] == "0" and complete, f"{states[1]} states" if complete else "search not completed"
    right = found is not None and "assertion violated" in found[1] and violated in found[1]
    return right, f"spin finds: {found[1]}" if found else "spin finds nothing wrong with it"


def run(select, report):
    """`select(name)` chooses; `report(ok, name, details)` hears of each."""
    for name, defines, violated in CHECKS:
        what = f"model: {name}{' is right' if violated is None else ' is wrong'}"
        if not select(what):
            continue
        try:
            text = _search(defines)
        except subprocess.TimeoutExpired:
            text = f"no end within {TIMEOUT} s\n"
        right, line = _judge(text, violated)
        report(right, f"{what} ({line})", "" if right else text.rstrip())
