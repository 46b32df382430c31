"""Counts results in the Test Anything Protocol: unit tests print TAP, in-kernel suites KTAP."""

import dataclasses
import re

_RESULT = re.compile(r"^(\s*)(not ok|ok) (\d+)(?: -)?\s*(.*)$")
_PLAN = re.compile(r"^(\s*)1\.\.(\d+)\s*$")


@dataclasses.dataclass
class Results:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = dataclasses.field(default_factory=list)
    names: list = dataclasses.field(default_factory=list)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.names += other.names

    def fail(self, what):
        self.failed += 1
        self.failures.append(what)

    @property
    def total(self):
        return self.passed + self.failed + self.skipped


def parse(text, what):
    """Leaf results of TAP or KTAP (indented) text. A plan that is not fulfilled is a failure of its own.

    In KTAP a suite's own result comes after its tests' and repeats them: lines that close a nested
    plan are not counted, but for a suite that failed with no failing test."""
    results = Results()
    plans = []  # [indent, promised, seen, failed below]
    for line in text.splitlines():
        plan = _PLAN.match(line)
        if plan:
            plans.append([len(plan[1]), int(plan[2]), 0, 0])
            continue
        match = _RESULT.match(line)
        if not match:
            continue
        indent, outcome, _, name = len(match[1]), match[2], match[3], match[4]
        closes = False
        failed_below = 0
        while plans and plans[-1][0] > indent:
            failed_below += _close(plans.pop(), what, results)
            closes = True
        if plans and plans[-1][0] == indent:
            plans[-1][2] += 1
        label = f"{what}: {name}"
        if closes:
            if outcome == "not ok" and not failed_below:
                results.fail(label)
            continue
        results.names.append(label)
        if "# SKIP" in name.upper():
            results.skipped += 1
        elif outcome == "ok":
            results.passed += 1
        else:
            results.fail(label)
            for plan_open in plans:
                plan_open[3] += 1
    if not plans and not results.total:
        results.fail(f"{what}: printed no test results")
    while plans:
        _close(plans.pop(), what, results)
    return results


def _close(plan, what, results):
    _, promised, seen, failed = plan
    if seen != promised:
        results.fail(f"{what}: {promised} results promised, {seen} came")
        failed += 1
    return failed
