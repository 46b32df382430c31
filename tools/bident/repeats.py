"""What the kernel's sources must not become: the same lines in two places, or functions that no screen holds."""

import re
import statistics
from collections import defaultdict

from bident import ROOT

FOLDERS = ("arch", "boot", "kernel", "mm")
EQUAL_LINES = 8
# Of the lines between a function's braces.
MEDIAN, NINE_IN_TEN, LONGEST = 8, 20, 60
ALLOWED_LONG = {"copy_process"}  # is read as one list of steps

_FUNCTION = re.compile(r"^(?!struct\b[^(]*$)\w[^\n;{}=]*\((?:[^\n;{}]*\n)+?\{\n(.*?)^\}$", re.M | re.S)


def sources(root):
    return [path for folder in FOLDERS for path in sorted((root / folder).rglob("*")) if path.suffix in (".asm", ".c", ".h", ".ld")]


# ---- equal lines ----

def counted_lines(text):
    """[(number, line)] without blank ones, and without what every file begins with."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    return [(number, line) for number, line in lines if line and not line.startswith(("#include", "%include"))]


def repeated(texts):
    """`texts`: {name: text}. The places of each run of equal lines: [(lines, name, number, name, number)]."""
    lines = {name: counted_lines(text) for name, text in texts.items()}
    places = defaultdict(list)
    for name, its in lines.items():
        for at in range(len(its) - EQUAL_LINES + 1):
            places[tuple(line for _, line in its[at:at + EQUAL_LINES])].append((name, at))
    runs, last = [], {}
    for found in places.values():
        for (a, at_a), (b, at_b) in zip(found, found[1:]):
            run = last.pop((a, at_a - 1, b, at_b - 1), None)  # goes on by a line
            if run is None:
                run = [EQUAL_LINES, a, lines[a][at_a][0], b, lines[b][at_b][0]]
                runs.append(run)
            else:
                run[0] += 1
            last[(a, at_a, b, at_b)] = run
    return runs


# ---- long functions ----

def functions(text):
    """[(name, lines between the braces)] of a C file."""
    found = []
    for match in _FUNCTION.finditer(text):
        name = re.search(r"(\w+)\s*\(", match[0])
        found.append((name[1], match[1].count("\n")))
    return found


def wrong_lengths(lengths):
    """`lengths`: [(name, lines)]. What is wrong with them, a sentence each."""
    counts = sorted(count for _, count in lengths)
    median, tenth = statistics.median(counts), counts[len(counts) * 9 // 10]
    wrong = [f"{name} has {count} lines, more than {LONGEST}" for name, count in lengths if count > LONGEST and name not in ALLOWED_LONG]
    if median > MEDIAN:
        wrong.append(f"half of the functions have more than {MEDIAN} lines ({median})")
    if tenth > NINE_IN_TEN:
        wrong.append(f"one function in ten has more than {NINE_IN_TEN} lines ({tenth})")
    return wrong


def check(report):
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in sources(ROOT)}
    name = f"build: no {EQUAL_LINES} lines stand in two places"
    if report.selected(name):
        runs = repeated(texts)
        report.result(not runs, name, "\n".join(f"    {a}:{at_a} and {b}:{at_b}: {count} equal lines" for count, a, at_a, b, at_b in runs))
    name = f"build: functions have {MEDIAN} lines, one in ten over {NINE_IN_TEN}, none over {LONGEST}"
    if report.selected(name):
        wrong = wrong_lengths([it for path, text in texts.items() if path.endswith((".c", ".h")) for it in functions(text)])
        report.result(not wrong, name, "\n".join(f"    {it}" for it in wrong))
