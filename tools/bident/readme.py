"""The parts of README.md that are generated: the list of system calls, from kernel/sys/syscalls.def.

`PYTHONPATH=tools python3 -m bident.readme` writes it; tools/test says when it is out of date."""

import re
import textwrap

from bident import ROOT

BEGIN = "<!-- generated from kernel/sys/syscalls.def by tools/bident/readme.py -->\n"
END = "<!-- end -->\n"


def system_calls():
    """Names in the order of their numbers."""
    text = (ROOT / "kernel" / "sys" / "syscalls.def").read_text(encoding="utf-8")
    rows = re.findall(r"^SYSCALL\((\d+), (\w+)", text, re.M)
    return [name for _, name in sorted(rows, key=lambda row: int(row[0]))]


def section():
    names = system_calls()
    text = textwrap.fill(" ".join(names), 110, break_on_hyphens=False)
    return f"{BEGIN}{len(names)} calls, with Linux's numbers, structures and errors:\n\n{text}\n{END}"


def updated(readme):
    return re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: section(), readme, flags=re.S)


def is_current():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return BEGIN in readme and updated(readme) == readme


def main():
    path = ROOT / "README.md"
    path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
