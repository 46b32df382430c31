"""Plots, by matplotlib, which tools/setup installs only when it is asked for: `tools/setup --plot`."""

import subprocess

from bident import ROOT, Failure, yardstick

SHARES = ("pages", "tables", "tree")
PANELS = {
    "fork, exit, wait": "fork_exit_wait_{}M",
    "fork, write every page while the child lives, wait": "fork_writeall_wait_{}M",
}
# Lines that lie upon each other are both seen.
STYLES = {
    "Linux": {"color": "tab:red"},
    "Bident": {"color": "tab:green"},
    "Bident, fork.share=pages": {"color": "tab:blue", "linewidth": 5, "alpha": 0.5},
    "Bident, fork.share=tables": {"color": "tab:orange", "linewidth": 3},
    "Bident, fork.share=tree": {"color": "tab:green", "linestyle": "dashed"},
}


def check():
    """Sees to it that there is matplotlib."""
    if subprocess.run(["/usr/bin/python3", "-c", "import matplotlib"], capture_output=True).returncode != 0:
        subprocess.run([str(ROOT / "tools" / "setup"), "--plot"], check=False)
        if subprocess.run(["/usr/bin/python3", "-c", "import matplotlib"], capture_output=True).returncode != 0:
            raise Failure("plots need Debian's python3-matplotlib (tools/setup --plot)")


def measure(kernels, samples):
    """{line: {row: instructions}} of forks of all sizes: Linux, and Bident with each fork.share."""
    words = f"max={yardstick.SIZES[-1]} reps={samples} big"
    lines = {}
    for kernel in kernels:
        for share in SHARES if kernel.name == "Bident" else (None,):
            options = {"append": f"fork.share={share}"} if share else {}
            rows, _ = yardstick.parse(kernel.run(words, True, timeout=900, **options))
            name = f"Bident, fork.share={share}" if share else kernel.name
            lines[name] = {row: figure.median for row, figure in rows.items()}
    return lines


def _axes(figure, position, title, xlabel):
    axes = figure.add_subplot(*position)
    axes.set_title(title)
    axes.set_xlabel(xlabel)
    axes.set_ylabel("instructions")
    if xlabel == "CPUs":
        axes.set_xticks((1, 2, 3, 4))
    else:
        axes.set_xscale("log", base=2 if "MiB" in xlabel else 10)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_yscale("log")
    axes.grid(True, which="major", alpha=0.4)
    return axes


def _figure(width, height):
    import matplotlib
    matplotlib.use("Agg")
    # Text as text, and the same file for the same figures.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bident"})
    from matplotlib.figure import Figure
    return Figure(figsize=(width, height), layout="constrained")


def _save(figure, path):
    figure.savefig(path, metadata={"Date": None} if str(path).endswith(".svg") else None)


def draw(lines, path):
    """What measure() returned."""
    figure = _figure(12, 5)
    for number, (title, pattern) in enumerate(PANELS.items(), start=1):
        axes = _axes(figure, (1, len(PANELS), number), title, "MiB of memory written before the fork")
        for name, rows in lines.items():
            points = [(size, rows[pattern.format(size)]) for size in yardstick.SIZES if pattern.format(size) in rows]
            axes.plot(*zip(*points), **STYLES.get(name, {}), marker="o", label=name)
        axes.legend()
    _save(figure, path)


def draw_growth(kinds, path):
    """`kinds`: {title: {kernel: [(x, instructions)]}}."""
    columns = min(3, len(kinds))
    rows = -(-len(kinds) // columns)
    figure = _figure(5 * columns, 4 * rows)
    for number, (title, lines) in enumerate(kinds.items(), start=1):
        axes = _axes(figure, (rows, columns, number), "fork, exit, wait", title)
        for name, points in lines.items():
            if points:
                axes.plot(*zip(*points), **STYLES.get(name, {}), marker="o", label=name)
        low, high = axes.get_ylim()
        axes.set_ylim(low / 2, high * 2)  # or what does not change at all looks as if it did
        axes.legend()
    _save(figure, path)
