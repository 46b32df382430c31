"""The parts of README files that are generated from kernel/sys/syscalls.def: the list of system calls in kernel/sys/README.md, and
their number in README.md.

`PYTHONPATH=tools python3 -m bident.readme` writes both; tools/test says when one is out of date."""

import re
import subprocess
import tempfile
import textwrap
from pathlib import Path

from bident import ROOT

BEGIN = "<!-- generated from kernel/sys/syscalls.def by tools/bident/readme.py -->\n"
END = "<!-- end -->\n"


def system_calls():
    """Names in the order of their numbers, and what is missing of those that are not whole."""
    text = (ROOT / "kernel" / "sys" / "syscalls.def").read_text(encoding="utf-8")
    rows = re.findall(r"^(?:SYSCALL|FORWARD)\((\d+), (\w+)", text, re.M)
    partly = dict(re.findall(r'^PARTLY\((\w+), "(.*)"\)', text, re.M))
    return [name for _, name in sorted(rows, key=lambda row: int(row[0]))], partly


def linux_calls():
    """Those that the kernel knows the names of, in the order of their numbers."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([str(ROOT / "tools" / "uapi-links"), folder], check=True)
        names = (Path(folder) / "syscall_names.inc").read_text(encoding="ascii")
    return re.findall(r'^\[\d+\] = "(\w+)",$', names, re.M)


def _list(names):
    return textwrap.fill(" ".join(names), 110, break_on_hyphens=False)


def summary():
    names, partly = system_calls()
    return (f"Bident has {len(names)} of Linux's system calls, {len(partly)} of them in part: "
            "[kernel/sys/README.md](kernel/sys/README.md#the-calls) lists them and says what is missing.\n")


def table():
    names, partly = system_calls()
    whole = [name for name in names if name not in partly]
    absent = [name for name in linux_calls() if name not in names]
    rows = "\n".join(f"| `{name}` | {partly[name]} |" for name in names if name in partly)
    return (f"{len(names)} calls, with Linux's numbers, structures and errors; {len(whole)} are whole:\n\n{_list(whole)}\n\n"
            f"{len(partly)} in part:\n\n| call | refused or missing |\n|---|---|\n{rows}\n\n"
            f"{len(absent)} of Linux's are absent:\n\n{_list(absent)}\n")


GENERATED = {ROOT / "README.md": summary, ROOT / "kernel" / "sys" / "README.md": table}


def updated(text, part):
    return re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: BEGIN + part() + END, text, flags=re.S)


def is_current():
    texts = [(path.read_text(encoding="utf-8"), part) for path, part in GENERATED.items()]
    return all(BEGIN in text and updated(text, part) == text for text, part in texts)


def main():
    for path, part in GENERATED.items():
        path.write_text(updated(path.read_text(encoding="utf-8"), part), encoding="utf-8")


if __name__ == "__main__":
    main()
