"""tools/test: builds every variant and runs every test, and says in one line how it went."""

import os
import re
import subprocess
import tempfile
import time
import xml.etree.ElementTree as xml
from pathlib import Path

from bident import ROOT, Failure, Parser, build, compilers, console, end_with, layers, machine, model, readme, releases, repeats, soak, tap, usertest

KINDS = ("build", "unit", "model", "kernel", "user", "soak", "system")
APART = ("compilers", "releases")  # not in all
MACHINES = 4  # of the system tests at a time, at most


def say(text=""):
    print(text, flush=True)


class Report:
    """Prints results as they come and adds them up."""

    def __init__(self, only):
        self.total = tap.Results()
        self._only = only

    def selected(self, name):
        return self._only is None or self._only.lower() in name.lower()

    def result(self, ok, name, details=""):
        say(f"{'ok' if ok else 'FAILED'}: {name}")
        if details:
            say(details)
        if ok:
            self.total.passed += 1
        else:
            self.total.fail(name)

    def add(self, results):
        self.total.add(results)


# ---- building, and how the sources look ----

def test_build(report):
    for variant, (name, compiler, options) in build.VARIANTS.items():
        what = f"build: {name} ({' '.join([build.compiler_version(compiler), *options])})"
        if not report.selected(what):
            continue
        try:
            warnings = build.build(variant, [build.KERNEL], warnings=True)
            report.result(not warnings, what, warnings)
        except Failure as failure:
            report.result(False, what, str(failure))
    compilers.check_accesses(report)
    compilers.check_format(report)
    layers.check(report)
    repeats.check(report)
    if report.selected("build: kernel/sys/README.md"):
        report.result(readme.is_current(), "build: kernel/sys/README.md lists the system calls there are")


# ---- programs on the host that test the kernel's pure code ----

def test_unit(report):
    names = sorted(path.stem for path in (ROOT / "tests" / "unit").glob("*_test.c"))
    chosen = [name for name in names if report.selected(f"unit: {name}")]
    if not chosen:
        return
    try:
        folder = build.build("gcc", [f"tests/unit/{name}" for name in chosen])
    except Failure as failure:
        report.result(False, "unit: building", str(failure))
        return
    for name in chosen:
        run_unit(report, name, folder / "tests" / "unit" / name)


def run_unit(report, name, program):
    try:
        result = subprocess.run([str(program)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                errors="replace", timeout=180, cwd=ROOT)
        output, status = result.stdout, result.returncode
    except subprocess.TimeoutExpired as late:
        output, status = (late.stdout or b"").decode(errors="replace"), "time-out"
    results = tap.parse(output, f"unit: {name}")
    if status != 0 and not results.failed:
        results.fail(f"unit: {name}: ended with {status}")
    say(f"{'FAILED' if results.failed else 'ok'}: unit: {name}: {results.passed} of {results.total}")
    if results.failed:
        say(output.rstrip())
    report.add(results)


# ---- the suites inside the kernel ----

def kernel_suites():
    """Names of the suites, read from the sources that register them."""
    suites = set()
    for path in (ROOT / "tests" / "kernel").rglob("*.c"):
        suites.update(re.findall(r"^KTEST\((\w+),", path.read_text(encoding="utf-8"), re.M))
    return sorted(suites)


def test_kernel(report, cpus):
    machines = [(False, cpus), (True, cpus)] if cpus else [(False, 1), (False, 4), (True, 1), (True, 2)]
    suites = kernel_suites()
    chosen = [suite for suite in suites if report.selected(f"kernel: {suite}")]
    if not chosen:
        return
    for debug_checks, cpus in machines:
        what = f"kernel ({'debug build, ' if debug_checks else ''}{cpus} CPU{'s' if cpus > 1 else ''})"
        for suite in ["all"] if chosen == suites else chosen:
            run_suite(report, what, suite, debug_checks, cpus)


def run_suite(report, what, suite, debug_checks, cpus):
    """Boot with test=SUITE: the kernel prints KTAP and switches off, with status 0 if all passed."""
    options = machine.Options(append=f"test={suite} quiet=1", initrd=False, debug_checks=debug_checks,
                              smp=cpus)
    output, status = "", None
    try:
        with machine.Medium(options) as medium, console.Console(medium) as guest:
            try:
                ended = guest.wait_end(300)
                output, status = ended.output, ended.status
            except TimeoutError as late:
                output, status = str(late), "time-out"
    except Failure as failure:
        output = str(failure)
    results = tap.parse(output, what)
    if status not in (0, None) and not results.failed:
        results.fail(f"{what}: {suite}: the machine ended with {status}")
    say(f"{'FAILED' if results.failed else 'ok'}: {what}: {suite}: {results.passed} of {results.total}")
    if results.failed:
        say(output.rstrip())
    report.add(results)


# ---- user programs, and the system from outside ----

def test_user(report, cpus):
    def selected(name):
        return report.selected(f"user: {name}")

    results = usertest.run(selected, show_user, machine.Options(append="quiet=1", smp=cpus or 1))
    if results.total:
        say(f"{'FAILED' if results.failed else 'ok'}: user: {results.passed} of {results.total} as on Linux")
    report.add(results)
    attacks = usertest.run_attacks(selected, show_user, attack_machines(cpus))
    if attacks.total:
        say(f"{'FAILED' if attacks.failed else 'ok'}: user: {attacks.passed} of {attacks.total} attacks end as on Linux")
    report.add(attacks)


def attack_machines(cpus):
    machines = [(False, cpus)] if cpus else [(False, 1), (False, 2), (False, 4), (True, 2)]
    return {f"{'debug build, ' if debug else ''}{n} CPU{'s' if n > 1 else ''}":
            machine.Options(append="quiet=1", smp=n, debug_checks=debug) for debug, n in machines}


def show_user(ok, name, details):
    if details:
        say(f"{'skipped' if ok else 'FAILED'}: user: {name}\n{details}")


def test_system(report, only):
    with tempfile.TemporaryDirectory() as folder:
        result_file = Path(folder) / "results.xml"
        command = ["/usr/bin/python3", "-m", "pytest", "-q", "--tb=short", "-c", "tests/system/pytest.ini",
                   "-n", str(min(os.cpu_count(), MACHINES)), "--dist", "loadfile", f"--junit-xml={result_file}", "tests/system"]
        environment = {**os.environ, "BIDENT_ONLY": only or ""}
        status = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, env=environment).returncode
        results = tap.Results()
        if result_file.exists():
            read_junit(result_file, results)
        if status not in (0, 1, 5) or (status == 1 and not results.failed):
            results.fail(f"system: pytest ended with {status}")
    report.add(results)


def read_junit(path, results):
    for case in xml.parse(path).getroot().iter("testcase"):
        name = f"system: {case.get('classname', '').split('.')[-1]}: {case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            results.fail(name)
        elif case.find("skipped") is not None:
            results.skipped += 1
        else:
            results.passed += 1


def parse_arguments():
    parser = Parser(prog="tools/test", allow_abbrev=False, description="Builds every variant of Bident and runs the tests.")
    parser.add_argument("kind", nargs="?", default="all", choices=[*KINDS, *APART, "all"],
                        help="build: both compilers, formatting, README; unit: the kernel's pure code on the host; model: the page-table "
                             "protocol, by spin; kernel: suites inside the kernel; user: programs compared with Linux; soak: stress on four CPUs "
                             "under 500 seeds, for the night (`all` takes 20 of them); system: the booted machine from outside; "
                             "all: all of these, which is the default. Not in `all`: compilers: a build by every gcc and clang that is "
                             "installed; releases: `all` on Debian 13, in a tree that debootstrap makes")
    parser.add_argument("-k", metavar="NAME", dest="only", help="only tests whose name contains NAME")
    parser.add_argument("--smp", type=int, metavar="N",
                        help="CPUs of the machine for kernel and user tests (kernel: 1, then 4 or, in the debug build, 2; user: 1)")
    arguments = parser.parse_args()
    if arguments.smp is not None:
        if arguments.kind not in ("kernel", "user", "all"):
            parser.error(f"--smp: for kernel and user tests; {arguments.kind} has machines of its own, or none")
        if not 1 <= arguments.smp <= 255:
            parser.error("--smp: from 1 to 255")
    return arguments


def main():
    arguments = parse_arguments()
    report = Report(arguments.only)
    began = time.monotonic()
    kinds = KINDS if arguments.kind == "all" else (arguments.kind,)
    for kind in kinds:
        say(f"== {kind}")
        if kind == "build":
            test_build(report)
        elif kind == "compilers":
            compilers.check_others(report)
        elif kind == "releases":
            releases.run(report)
        elif kind == "unit":
            test_unit(report)
        elif kind == "model":
            model.run(report.selected, report.result)
        elif kind == "kernel":
            test_kernel(report, arguments.smp)
        elif kind == "soak":
            soak.run(report.selected, report.result, nightly=arguments.kind == kind)
        elif kind == "user":
            test_user(report, arguments.smp)
        else:
            test_system(report, arguments.only)
    total = report.total
    say(f"== {time.monotonic() - began:.0f} seconds")
    for name in total.failures:
        say(f"FAILED: {name}")
    if not total.total:
        say("no test has such a name")
    say(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if total.failed or not total.total else 0


if __name__ == "__main__":
    end_with(main, "tools/test")
