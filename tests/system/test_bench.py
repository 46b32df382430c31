"""The yardstick and the profile: small runs, on Bident alone. What they measure is no test's business, that it adds up is."""

import json
import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from bident import ROOT, bench, flame, growth, machine, plugin, profile, yardstick


def tool(name, *arguments, timeout=120, **keywords):
    return subprocess.run([str(ROOT / "tools" / name), *arguments], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, **keywords)


def test_bench_measures_and_compares_with_a_baseline(tmp_path):
    file = tmp_path / "bench.json"
    first = tool("bench", "--only", "bident", "--rows", "null_getppid", "--samples", "2", "--json", str(file))
    assert first.returncode == 0, first.stderr
    cells = re.search(r"^null_getppid +- +(\d+) +- +- +70 +(yes|NO)$", first.stdout, re.M)
    assert cells, first.stdout
    assert (int(cells[1]) <= 70) == (cells[2] == "yes")
    assert re.search(r"^Bident: commit \w+", first.stdout) and "-cpu max,-erms" in first.stdout
    contents = json.loads(file.read_text())
    assert contents["kernels"]["Bident"]["wall_ns"]["null_getppid"] > 0
    assert round(contents["kernels"]["Bident"]["instructions"]["null_getppid"]) == int(cells[1])

    contents["kernels"]["Bident"]["instructions"]["null_getppid"] *= 2
    file.write_text(json.dumps(contents))
    second = tool("bench", "--only", "bident", "--rows", "null_getppid", "--no-wall", "--baseline", str(file))
    assert second.returncode == 0, second.stderr
    assert re.search(r"^null_getppid .*-50\.\d %$", second.stdout, re.M), second.stdout  # icount repeats


@pytest.mark.parametrize("name, arguments, says", [
    ("bench", ["--rows", "nonsense"], "no row 'nonsense'"),
    ("bench", ["--samples", "0"], "--samples"),
    ("bench", ["--repeat", "0"], "--repeat"),
    ("bench", ["--plot", "figure.xyz"], "--plot"),
    ("bench", ["--baseline", "/nonexistent"], "/nonexistent"),
    ("bench", ["--json", "/nonexistent/x"], "cannot write to /nonexistent/x"),
    ("bench", ["--plot", "/nonexistent/x.svg"], "cannot write to /nonexistent/x.svg"),
    ("bench", ["growth", "--json", "/nonexistent/x"], "cannot write to /nonexistent/x"),
    ("profile", ["fork_exit_wait", "--append", "fork.share=no"], "bad value 'no'"),
    ("profile", ["fork_exit_wait", "--svg", "/nonexistent/x.svg"], "cannot write to /nonexistent/x.svg"),
    ("profile", ["fork_exit_wait", "--top", "-1"], "--top"),
    ("bench", ["nonsense"], "unrecognized arguments"),
    ("bench", ["growth", "nonsense"], "no 'nonsense' to grow"),
    ("bench", ["smp", "--fewer", "x"], "--fewer"),
    ("profile", ["nonsense"], "no row 'nonsense'"),
    ("profile", ["fan1000_mem_per_child"], "is no time"),
    ("profile", [], "row"),
])
def test_wrong_use(name, arguments, says):
    result = tool(name, *arguments)
    assert result.returncode == machine.EXIT_USAGE, result.stdout + result.stderr
    assert says in result.stderr and "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("name, arguments", [("bench", ["--help"]), ("bench", ["growth", "--help"]), ("bench", ["smp", "--help"]),
                                             ("bench", ["--list"]), ("profile", ["--help"])])
def test_help(name, arguments):
    result = tool(name, *arguments)
    assert result.returncode == 0 and result.stderr == ""
    assert len(result.stdout.splitlines()) > 5


def test_every_row_belongs_to_a_group():
    for row in bench.ROWS:
        if row != bench.BOOT:
            assert yardstick.group_of(row)
    assert yardstick.words_for(["fork_call_64M", "fork_call", "fan1000_reap"], 3) == "max=64 reps=3 big fan fork"


def test_targets():
    column = {"fork_call": 1000, "fork_call_1024M": 1051}
    assert bench.ROWS["fork_call_1024M"].limit(column) == 1050
    assert bench.ROWS["fan1000_create"].limit({"fan100_create": 100}) == 105
    lines = list(bench.table({"Bident": {"instructions": column, "wall_ns": {}}}, ["fork_call", "fork_call_1024M"], None))
    assert [line[-1] for line in lines] == ["met", "yes", "NO"]


def test_without_apt_the_message_says_what_to_do(tmp_path):
    """Where apt knows nothing, and nothing was fetched before. (A checkout's own cache is not touched.)"""
    script = ("from pathlib import Path; from bident import linux; linux.FOLDER = Path(%r); linux.NAME = 'no-such-package'; linux.fetch()"
              % str(tmp_path))
    result = subprocess.run(["/usr/bin/python3", "-c", script], capture_output=True, text=True,
                            env={**os.environ, "PYTHONPATH": str(ROOT / "tools"), "PYTHONDONTWRITEBYTECODE": "1"})
    assert "Failure" in result.stderr and "--only bident" in result.stderr and "apt-get update" in result.stderr


def test_growth():
    result = tool("bench", "growth", "--only", "bident", "--limit", "10", "tasks", "files")
    assert result.returncode == 0, result.stderr
    tables = 1 + len(growth.PARTS["tasks"]) + 1  # live tasks and what is measured beside, open files
    assert len(re.findall(r"^ +10 +[\d,]+$", result.stdout, re.M)) == tables, result.stdout


def test_many_children_cost_no_more_each(tmp_path):
    """All of them sleep in the same pipe, and wake up at once."""
    found = tmp_path / "growth.json"
    result = tool("bench", "growth", "--only", "bident", "--limit", "10000", "tasks", "--json", str(found))
    assert result.returncode == 0, result.stderr
    column = json.loads(found.read_text())["Bident"]
    for part in ("create", "tasks", "reap"):
        assert column[f"{part} 10000"] < 1.2 * column[f"{part} 1000"], (part, column)


def test_profile(tmp_path):
    """Where the instructions of a getppid go: they add up to what the benchmark itself says."""
    folded, svg = tmp_path / "folded", tmp_path / "flame.svg"
    result = tool("profile", "null_getppid", "--repeat", "2", "--tree", "--folded", str(folded), "--svg", str(svg))
    assert result.returncode == 0, result.stderr
    total, said = re.search(r"^null_getppid: ([\d.]+) instructions .* says ([\d.]+) ", result.stdout).groups()
    assert abs(float(total) - float(said)) < 0.05
    own = {name: float(value) for value, name in re.findall(r"^ +([\d.]+) +[\d.]+% +[\d.]+  (\S+)$", result.stdout, re.M)}
    assert abs(sum(own.values()) - float(total)) < 1 and own["sys_getppid"] > 0
    stacks = dict(line.rsplit(" ", 1) for line in folded.read_text().splitlines())
    assert any(re.fullmatch(r"syscall_entry;(\w+;)*sys_getppid", stack) for stack in stacks)
    assert abs(sum(map(int, stacks.values())) / 100 - float(total)) < 0.1
    titles = [e.text for e in ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}title")]
    assert any(title.startswith("sys_getppid: ") for title in titles)


def test_profile_by_locks():
    """A fork with exit and wait: no lock has more instructions than there are, the shared ones together not more than each by itself."""
    result = tool("profile", "fork_exit_wait", "--locks", "--repeat", "1")
    assert result.returncode == 0, result.stderr
    total = float(re.search(r"^fork_exit_wait: ([\d,.]+) instructions", result.stdout)[1].replace(",", ""))
    under = {name: float(count) for count, name in re.findall(r"^ +([\d.]+) +[\d.]+%  (.+)$", result.stdout, re.M)}
    shared = {name: count for name, count in under.items() if name.endswith(", one for all CPUs")}
    together = under["any that is one for all CPUs"]
    assert "tasklist_lock, one for all CPUs" in shared and {"SIGHAND (of an object)", "pid_locks (of some objects)"} <= set(under)
    assert max(shared.values()) <= together <= sum(shared.values()) + 0.1 * len(shared) and max(under.values()) < total
    # What two CPUs that fork can do at the same time is limited by this.
    assert under["tasklist_lock, one for all CPUs"] <= 0.08 * total and together <= 0.09 * total


def test_profile_of_the_boot():
    result = tool("profile", "boot", "--top", "200", "--inclusive")
    assert result.returncode == 0, result.stderr
    assert re.search(r" start_kernel$", result.stdout, re.M), result.stdout


def test_spans_are_found_by_the_printed_figure():
    """Two samples of a round with three looks at the clock: A, B, C; and one that an interrupt fell into."""
    ends = [0, 10, 110, 113, 200, 210, 310, 313, 400, 410, 1000, 1003]
    sites = [9, 1, 2, 3, 9, 1, 2, 3, 9, 1, 2, 3]
    segments = [plugin.Segment(site, 0, end, []) for site, end in zip(sites, ends)]
    spans, operations = profile.find_spans(segments, yardstick.Row(100, 100, 3, 1))
    assert (spans, operations) == ([(1, 2), (5, 6)], 1)


def test_flame_graph_of_odd_names():
    text = flame.graph({("<a>", "b&c"): 3, ("<a>",): 1}, "t")
    titles = [e.text for e in ElementTree.fromstring(text.encode()).iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["all: 4.0 (100.0 %)", "<a>: 4.0 (100.0 %)", "b&c: 3.0 (75.0 %)"]
