"""Runs scripts on Bident and on the host's Linux, with the same files on both, and compares what they print.

What may differ by right is replaced (SUBSTITUTIONS). Whole lines are left out in three cases only: gdb's warning of a page that only
Linux has, a call of which strace read nothing before the thread was killed, and a fork that a signal put off, which is made again."""

import re
from pathlib import Path

import pytest

from bident import console, initramfs, machine, oracle, packages, userprogs, usertest
from conftest import Guest

FOLDER = Path(__file__).parent / "tracers"
PACKAGES = ["strace", "gdb", "gdbserver", "ltrace", "make", "bash", "libc-bin"]
MAKEFILE = "all: a b c d\na b c d:\n\tmkdir /tmp/made.$@; busybox true\n"
TIMEOUT = 120

# Pids begin here on both, so that they can be told from other numbers.
FIRST_PID = 20000
# What gdb does with debug registers, which a hypervisor may keep from the host's Linux.
HARDWARE = re.compile(r"^(?:[ra]?watch|t?hbreak)\b", re.M)
PROBE = "glibc/ptrace_debug_regs"
RUN = f"""rm -rf /tmp/* 2>/dev/null
cd /tmp
echo {FIRST_PID} >/proc/sys/kernel/ns_last_pid
{{ env -i PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/ TERM=linux sh "/cases/$1" </dev/null 2>&1; echo "=== $?"; }} | cat
"""


# What may differ between two correct runs, or by right between the two kernels.
SUBSTITUTIONS = [
    (r"\r", ""),
    (r"(si_[us]time=)\d+(?: /\*.*?\*/)?", r"\1T"),  # the emulator is slow
    # The vsyscall page, which only Linux has and gdb cannot read.
    (r"warning: Memory read failed for corefile section, 4096 bytes at 0xffffffffff600000\.\n", ""),
    (r"(brk\((?:NULL|ADDRESS|0x[0-9a-f]+)\) += )0x[0-9a-f]+", r"\1ADDRESS"),
    (r"brk\(0x[0-9a-f]+\)", "brk(ADDRESS)"),
    # The programs' own addresses, up to 0x5fffff, stay.
    (r"\b0x(?:[0-9a-f]{7,16}|[6-9a-f][0-9a-f]{5})\b", "ADDRESS"),
    (r" += ", " = "),  # how far depends on the length of what stands before
    (r"\[0000[5-7][0-9a-f]{11}\]", "[ADDRESS]"),
    (r'getrandom\("[^"]*"', 'getrandom("RANDOM"'),
    (r'nodename="\w+"', 'nodename="NAME"'),
    (r"^(?:200\d\d )?\?\?\?\( <unfinished \.\.\.>\n", ""),  # a thread that was killed before strace had read its call
    (r"^(?:\d\d:\d\d:\d\d(?:\.\d{6})?|\d{10}\.\d{6}| +\d+\.\d{6}) ", "TIME "),  # strace -t -tt -ttt -r
    (r" <\d+\.\d{6}>$", " <DURATION>"),  # -T
    (r"^ *\d+\.\d\d +\d+\.\d{6} +\d+ ", "TIMES "),  # -c
    (r"(\{tv_sec=2, tv_nsec=)\d{9}", r"\1REST"),  # of three seconds
    (r"pipe:\[\d+\]", "pipe:[INODE]"),
    (r"\b0x4e[2-8][0-9a-f]\b", lambda match: str(int(match[0], 16))),  # a pid, as ltrace may print it
]

# Threads that end at once: gdb says so in any order.
THREADS_END = re.compile(r"(?:^\[Thread .* exited\]\n)+", re.M)


class Case:
    def __init__(self, kind, number, name, order, argument, script):
        self.id = f"{kind}: {name}"
        self.order = order
        self.wants_hardware = kind == "gdb" and bool(HARDWARE.search(script)) and "can-use-hw-watchpoints 0" not in script
        self.file = f"{kind}.{number}"
        self.files = {self.file: script}
        if kind == "gdb":
            self.files = {self.file: f"cat /cases/{self.file}.gdb | gdb -nx -q -ex 'set confirm off' {argument}\n", f"{self.file}.gdb": script}


def cases(*kinds):
    for kind in kinds:
        text = (FOLDER / f"{kind}.cases").read_text(encoding="utf-8")
        for number, part in enumerate(re.split(r"^== ", text, flags=re.M)[1:]):
            head, script = part.split("\n", 1)
            name, order, argument = re.fullmatch(r"(.*?)(?: \[(\w+)\])?(?:: (.*))?", head).groups()
            yield Case(kind, number, name, order, argument, script)


def _tree(cases):
    userprogs.compile_all()
    tree = initramfs.standard_tree()
    packages.add_to(tree, PACKAGES)
    userprogs.add_to(tree, lambda folder, name: folder == "traced" or f"{folder}/{name}" == PROBE)
    for source in (userprogs.SOURCES / "traced").glob("*.c"):
        tree.add_from_disk(source, f"tests/traced/{source.name}")
    tree.add_link("t", "tests/traced")
    tree.add_from_disk(FOLDER / "lib.sh", "tests/traced/lib")
    tree.add_file("tests/traced/make/Makefile", MAKEFILE.encode())
    tree.add_from_disk("/usr/bin/timeout", "cases/timeout")  # Linux's answers come from one run: none may take all of its time
    tree.add_file("cases/run", RUN.encode())
    for case in cases:
        for name, script in case.files.items():
            tree.add_file(f"cases/{name}", script.encode())
    return tree


class Linux:
    """The answers of the host, all of them from one run."""

    def __init__(self, tree, cases):
        everything = "; ".join(f"echo '##### {case.file}'; /cases/timeout -s KILL 20 sh /cases/run {case.file}" for case in cases)
        with oracle.Oracle(tree) as linux:
            self.has_hardware = linux.run([f"/tests/{PROBE}"])[1] != usertest.SKIPPED
            text, _ = linux.run(["/bin/busybox", "sh", "-c", f"ldconfig; {everything}"], timeout=550)
        parts = re.split(r"^##### (.*)\n", text, flags=re.M)
        self.answers = dict(zip(parts[1::2], parts[2::2]))


class Bident:
    def __init__(self, tree, **options):
        self._options = machine.Options(memory="2G", smp=2, **options)
        self._tree = tree
        self._guest = None

    def run(self, case):
        if self._guest is None:
            self._guest = console.boot(self._options, self._tree)
            self._guest.ok("/sbin/ldconfig", TIMEOUT)
        try:
            return self._guest.command(f"run /bin/busybox sh /cases/run {case.file}", TIMEOUT)[0]
        except (console.Ended, TimeoutError):
            self.close()
            raise

    def account_after(self, cases):
        for case in cases:
            self.run(case)
        guest = Guest(self._guest)
        guest.ok("/bin/busybox sh -c 'rm -rf /tmp/*'")
        return guest.account()

    def close(self):
        if self._guest is not None:
            self._guest.close()
            self._guest.medium.close()
            self._guest = None


def normal(case, text):
    for pattern, replacement in SUBSTITUTIONS:
        text = re.sub(pattern, replacement, text, flags=re.M)
    lines = text.rstrip("\n").split("\n")
    if case.order:
        lines = _by_process(lines)
    text = THREADS_END.sub(lambda match: "".join(sorted(match[0].splitlines(True))), "\n".join(lines))
    if case.order == "sorted":
        return "\n".join(sorted(re.sub(r"\b200\d\d\b", "PID", text).split("\n")))
    return _with_names_for_pids(text)


def _by_process(lines):
    """Put together what a call printed before and after other processes' lines, and the lines of each process."""
    processes, begun = {}, {}
    for line in lines:
        pid, name, rest = re.fullmatch(r"(?:(200\d\d)(<\S+>)? )?(.*)", line).groups()
        if match := re.fullmatch(r"(.*) <(?:unfinished|no return) \.\.\.>", rest):
            begun[pid] = f"{pid}{name or ''} {match[1]}"
            continue
        line = f"{pid}{name or ''} {rest}" if pid else rest
        if (match := re.fullmatch(r"<\.\.\. \w+ resumed>(.*)", rest)) and pid in begun:
            line = begun.pop(pid) + match[1]
        elif pid in begun:  # it ended within the call
            processes.setdefault(pid, []).append(begun.pop(pid))
        processes.setdefault(pid, []).append(line)
    for pid, call in begun.items():
        processes.setdefault(pid, []).append(f"{call} <unfinished ...>")
    # A fork is put off by a signal that comes just before, and then made again.
    return [re.sub(r" {2,}=", " =", line) for lines in processes.values() for line in lines if "ERESTARTNOINTR (To be restarted)" not in line]


def _with_names_for_pids(text):
    names = {}
    return re.sub(r"\b200\d\d\b", lambda match: names.setdefault(match[0], f"P{len(names)}"), text)


@pytest.fixture(scope="module")
def machines(request):
    all_cases = request.module.CASES
    wanted = [item.callspec.params["case"] for item in request.session.items
              if item.module is request.module and "case" in getattr(item, "fixturenames", ())]
    tree = _tree(all_cases)
    bident = Bident(tree)
    yield Linux(tree, wanted), bident
    bident.close()


def assert_same(machines, case):
    linux, bident = machines
    if case.wants_hardware and not linux.has_hardware:
        bident.run(case)
        pytest.skip("the debug registers of this machine's Linux do nothing")
    assert normal(case, bident.run(case)).split("\n") == normal(case, linux.answers[case.file]).split("\n")
