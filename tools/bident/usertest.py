"""Runs the programs of tests/user on Bident and on Linux, and compares what they print and how they end.

Cases that need the same Debian packages run on one machine, one after the other, started from its shell; a
program that hangs or kills it costs a new machine. A fresh tree for each on Linux, and an empty /tmp on Bident, make them independent.
"""

import concurrent.futures
import contextlib
import dataclasses
import difflib
import re

from bident import ROOT, console, initramfs, machine, oracle, packages, tap, userprogs

TIMEOUT = 300
SKIPPED = 77  # tests/user/check.h: the host lacks what the program is about
CASES = ROOT / "tests" / "user" / "cases"


class Case:
    def __init__(self, name, argv, packages=()):
        self.name = name
        self.argv = argv
        self.packages = packages

    def line(self):
        """As typed at Bident's prompt: ' quotes literally, and so does \"."""
        return " ".join(_quote(word) for word in self.argv)


def _quote(word):
    if re.fullmatch(r"[\w/.:=+-]+", word):
        return word
    if "'" not in word:
        return f"'{word}'"
    # Parts that touch belong together: a'b becomes 'a'"'"'b'.
    return "\"'\"".join(f"'{part}'" if part else "" for part in word.split("'"))


def all_cases():
    for name in userprogs.names():
        for library in userprogs.LIBRARIES:
            yield Case(f"{name} ({library})", [f"/tests/{library}/{name}"])
    for name in userprogs.DYNAMIC:
        yield Case(f"{name} (dynamic)", [f"/tests/dynamic/{name}"], ("libc6",))
    for path in sorted(CASES.iterdir()):
        yield from _cases_of(path)


def attack_cases():
    for name in userprogs.attacks():
        yield Case(f"attack/{name}", [f"/tests/attack/{name}"])


def _cases_of(path):
    """A line each; `#! RUN` names what they are given to, `# packages: NAME,…` what that needs."""
    interpreter, needed = ["/bin/busybox", "sh", "-c"], ()
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#! "):
            interpreter = line[3:].split()
        elif line.startswith("# packages: "):
            needed = tuple(line.removeprefix("# packages: ").split(","))
        elif line and not line.startswith("#"):
            yield Case(f"{path.name}: {line}", [*interpreter, line], needed)


class Bident:
    """The machine, booted when needed."""

    def __init__(self, options, tree):
        self._options = options
        self._tree = tree
        self._guest = None

    def run(self, case):
        """(output, status); the status is a text when there is none."""
        if self._guest is None:
            self._guest = console.boot(self._options, self._tree)
        guest = self._guest
        try:
            output, status = guest.command(case.line(), TIMEOUT)
            guest.command("/bin/busybox sh -c 'chmod 644 /etc/group; rm -rf /tmp/* /tmp/.[!.]*'")
            return output, status
        except console.Ended as ended:
            self.close()
            return ended.output, f"the machine ended: {ended.reason}"
        except TimeoutError as late:
            output = str(late)
            self.close()
            return output, f"did not end within {TIMEOUT} s"

    def close(self):
        if self._guest is not None:
            self._guest.close()
            self._guest.medium.close()
            self._guest = None


def _difference(expected, got):
    lines = list(difflib.unified_diff(expected.splitlines(), got.splitlines(), "Linux", "Bident", lineterm="", n=1))
    return "\n".join("    " + line for line in lines[:30])


def run(select, report, options):
    """`select(name)` chooses cases; `report(ok, name, details)` hears of each. A program may say that it cannot be compared here."""
    results = tap.Results()
    cases = [case for case in all_cases() if select(case.name)]
    if not cases:
        return results
    userprogs.compile_all()
    for needed in sorted({case.packages for case in cases}):
        _run_group([case for case in cases if case.packages == needed], needed, results, report, {"": options})
    return results


def run_attacks(select, report, machines):
    """The same for tests/user/attack, on several machines: their names and options."""
    results = tap.Results()
    cases = [case for case in attack_cases() if select(case.name)]
    if not cases:
        return results
    userprogs.compile_all()
    _run_group(cases, (), results, report, machines)
    return results


@contextlib.contextmanager
def _ahead(function, cases):
    """Futures of what `function` gives for each case, worked out one after the other beside the caller."""
    worker = concurrent.futures.ThreadPoolExecutor(1)
    try:
        yield [worker.submit(function, case) for case in cases]
    finally:
        worker.shutdown(cancel_futures=True)


def _run_group(cases, needed, results, report, machines):
    tree = initramfs.standard_tree()
    if needed:
        packages.add_to(tree, needed)
    userprogs.add_to(tree)
    machines = {name: dataclasses.replace(options, memory="") for name, options in machines.items()}  # what the files want
    with oracle.Oracle(tree) as linux, _ahead(lambda case: linux.run(case.argv, TIMEOUT), cases) as answers:
        for where, options in machines.items():
            _compare(Bident(options, tree), where, cases, answers, results, report)


def _compare(bident, where, cases, answers, results, report):
    try:
        for case, answer in zip(cases, answers):
            name = f"{case.name}, {where}" if where else case.name
            got = bident.run(case)
            expected = answer.result()
            if expected[1] == SKIPPED and got[1] == 0:
                results.skipped += 1
                report(True, name, f"not compared, on this Linux: {expected[0].rstrip()}")
                continue
            same = _same(expected, got)
            if same:
                results.passed += 1
            else:
                results.fail(f"user: {name}")
            details = "" if same else f"{_difference(expected[0], got[0])}\n    status: Linux {expected[1]}, Bident {got[1]}"
            report(same, name, details)
    finally:
        bident.close()


def _without_obituary(output, status):
    """When a signal ends a program each shell says so in words of its own."""
    output = output.rstrip("\n")  # before the prompt an unfinished line cannot be told from a finished one
    if isinstance(status, int) and status > 128:
        output = re.sub(r"(^|\n)(\[\d+\] was killed by SIG\w+ \(\d+\)|Killed|Terminated|Aborted|Segmentation fault)$",
                        "", output)
    return output


def _without_pids(text):
    """bash names a child that a signal ended by its pid."""
    return re.sub(r"(: line \d+:) +\d+ ", r"\1 PID ", text)


def _same(expected, got):
    expected, got = ((_without_pids(output), status) for output, status in (expected, got))
    return _without_obituary(*expected) == _without_obituary(*got) and expected[1] == got[1]
