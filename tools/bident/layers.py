"""The layers of the kernel: what stands in the tables of kernel/README.md, and whether the code keeps to it.

An include or a call may go to its own layer or to a lower one. Includes are read from the sources, calls from the symbols of the
objects. A call may go up if its symbol is declared in a header that the table of interfaces names; what goes up through a pointer is in
the table of hooks.

`PYTHONPATH=tools python3 -m bident.layers` writes the counts of lines; tools/test says when anything of this is not true."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from bident import ROOT, build

README = "kernel/README.md"
FOLDERS = ("arch", "boot", "kernel", "mm")
SOURCES = (".c", ".h", ".asm", ".inc", ".def", ".ld")
SAMPLE = "kernel/lib/bitmap.c"  # is compiled with the flags that all of the kernel is
INTERFACES_MAX = 12

_INCLUDE = re.compile(r'^\s*[#%]include "([^"]+)"', re.M)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
_QUOTED = re.compile(r"`([^`]+)`")


# ---- what the README says ----

def _table(text, heading):
    """The rows of the first table below a heading, as lists of cells."""
    part = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("|")]
    return rows[2:]


class Row:
    """A row of the table of layers: some folders or files."""

    def __init__(self, cells):
        layer, places, self.purpose, includes, lines = cells
        self.layer = int(layer)
        self.places = _QUOTED.findall(places)
        self.highest = int(includes.rpartition("–")[2])
        self.lines = int(lines.replace(",", ""))


class Interface:
    """A row of the table of interfaces: headers, what calls through them, and where what they declare is defined."""

    def __init__(self, cells):
        self.headers, self.callers, self.places = (_QUOTED.findall(cell) for cell in cells[:3])

    def ways(self, tree, source, symbol, target):
        """The (header, caller, place) of this row by which a source may need a symbol."""
        return {(header, caller, place) for header in self.headers for caller in self.callers for place in self.places
                if _matches(source, caller) and _matches(target, place) and tree.declares(header, symbol)
                and tree.layer_of(header) <= tree.layer_of(source)}


class Hook:
    def __init__(self, cells):
        self.name, self.header, users = _QUOTED.findall(cells[0])[0], _QUOTED.findall(cells[1])[0], cells[2]
        self.users = _QUOTED.findall(users)


def _matches(path, place):
    return path.startswith(place) if place.endswith("/") else path == place


class Tree:
    """The sources below a folder, and the tables of its README."""

    def __init__(self, root=ROOT):
        self.root = root
        self.texts = {}
        for folder in (*FOLDERS, "tests/kernel"):
            for path in sorted((root / folder).rglob("*")):
                if path.suffix in SOURCES:
                    self.texts[str(path.relative_to(root))] = path.read_text(encoding="utf-8")
        self.readme = (root / README).read_text(encoding="utf-8")
        self.rows = [Row(cells) for cells in _table(self.readme, "Layers")]
        self.hooks = [Hook(cells) for cells in _table(self.readme, "Hooks")]
        self.interfaces = [Interface(cells) for cells in _table(self.readme, "Interfaces")]
        self._declared = {}

    def row_of(self, path):
        """The row whose folder or file fits best; None: no row has it."""
        fitting = [(len(place), at) for at, row in enumerate(self.rows) for place in row.places if _matches(path, place)]
        return self.rows[max(fitting)[1]] if fitting else None

    def layer_of(self, path):
        row = self.row_of(path)
        return row.layer if row else 0

    def declares(self, header, symbol):
        if header not in self._declared:
            self._declared[header] = set(re.findall(r"\w+", _COMMENT.sub("", self.texts.get(header, ""))))
        return symbol in self._declared[header]


# ---- includes ----

def wrong_includes(tree):
    for path, text in tree.texts.items():
        row = tree.row_of(path)
        if not row:
            yield f"{path}: no row of {README} has it"
            continue
        for header in _INCLUDE.findall(text):
            if header in tree.texts and tree.layer_of(header) > row.highest:
                yield (f"{path} (layer {row.layer}) includes {header} (layer {tree.layer_of(header)}); "
                       f"it may include up to layer {row.highest}")


# ---- calls ----

def _symbols(objects):
    """object → (names that it defines, names that it needs)"""
    output = subprocess.run(["nm", "-A", *map(str, objects)], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in output.splitlines():
        name, _, rest = line.partition(":")
        kind, symbol = rest.split()[-2:]
        defined, needed = found.setdefault(name, (set(), set()))
        if kind == "U":
            needed.add(symbol)
        elif kind in "TDBRCVW":
            defined.add(symbol)
    return found


def _objects(variant):
    """Object file → its source, of a variant that is built without link-time optimisation."""
    folder = build.folder(variant)
    commands = json.loads((folder / "compile_commands.json").read_text(encoding="utf-8"))
    objects = {}
    for it in commands:
        source = (folder / it["file"]).resolve()
        source = str(source.relative_to(folder if source.is_relative_to(folder) else ROOT))  # some are generated
        if it["output"].startswith(f"{build.KERNEL}.p/"):
            objects[str(folder / it["output"])] = source
    for name in FOLDERS:
        for path in (ROOT / name).rglob("*.asm"):
            source = path.relative_to(ROOT)
            places = [place / f"{path.parent.name}-{path.name}.o" for place in (folder, folder / source.parent)]
            objects[str(next(filter(Path.exists, places), places[0]))] = str(source)
    return objects


class Calls:
    """source → names that it needs from others; name → the source that defines it."""

    def __init__(self, objects):
        self.needed, self.defined = {}, {}
        for name, (defined, needed) in _symbols(objects).items():
            self.needed.setdefault(objects[name], set()).update(needed)
            self.defined.update(dict.fromkeys(defined, objects[name]))


def upward_calls(tree, calls):
    """(source, symbol, where that is defined) of all that goes to a higher layer."""
    for source, needed in sorted(calls.needed.items()):
        row = tree.row_of(source)
        for symbol in sorted(needed & calls.defined.keys()):
            target = calls.defined[symbol]
            if row and tree.layer_of(target) > row.highest:
                yield source, symbol, target


def wrong_calls(tree, calls, used):
    """Calls upward that no interface allows. `used`: gains the ways by which the others go."""
    for source, symbol, target in upward_calls(tree, calls):
        ways = {(it, *way) for it in tree.interfaces for way in it.ways(tree, source, symbol, target)}
        used |= ways
        if not ways:
            headers = [path for path in tree.texts if path.endswith(".h") and tree.declares(path, symbol)]
            yield (f"{source} (layer {tree.layer_of(source)}) needs {symbol} of {target} (layer {tree.layer_of(target)}), "
                   f"declared in {', '.join(headers) or 'no header'}")


def unused_interfaces(tree, used):
    if len(tree.interfaces) > INTERFACES_MAX:
        yield f"{README}: {len(tree.interfaces)} interfaces, which are {INTERFACES_MAX} at most"
    for it in tree.interfaces:
        needed = {word for way in used if way[0] is it for word in way[1:]}
        for word in (*it.headers, *it.callers, *it.places):
            if word not in needed:
                yield f"{README}: interface {', '.join(it.headers)}: no call upward needs {word} there any more"


# ---- hooks, lines ----

def wrong_hooks(tree):
    for hook in tree.hooks:
        if not tree.declares(hook.header, hook.name):
            yield f"{README}: {hook.header} does not declare the hook {hook.name}"
        for user in hook.users:
            if not any(_matches(path, user) and re.search(rf"\b{hook.name}\b", text) for path, text in tree.texts.items()):
                yield f"{README}: nothing in {user} has to do with the hook {hook.name}"


def _lines(tree):
    """Row → its lines in hundreds."""
    count = dict.fromkeys(tree.rows, 0)
    for path, text in tree.texts.items():
        if tree.row_of(path):
            count[tree.row_of(path)] += text.count("\n")
    return count


def wrong_lines(tree):
    """A count may be off by a hundred, so that not every change has to touch it."""
    for row, lines in _lines(tree).items():
        if abs(row.lines - lines) > 100:
            yield f"{README}: {', '.join(row.places)} have {lines} lines; PYTHONPATH=tools python3 -m bident.layers writes them"


def with_lines(tree):
    """The README with true counts."""
    lines, rows = iter(_lines(tree).values()), iter(tree.rows)

    def count(match):
        true, said = next(lines), next(rows).lines
        return match[1] + (f"{round(true, -2):,} |" if abs(said - true) > 50 else match[2])

    before, heading, rest = tree.readme.partition("\n## Layers\n")
    part, following, after = rest.partition("\n## ")
    return before + heading + re.sub(r"^(\| \d+ \|.*\| )([\d,]+ \|)$", count, part, flags=re.M) + following + after


# ---- the questions ----

def wrong_answers(tree):
    for question, file, function in _table(tree.readme, "First questions"):
        file, function = file.strip("`"), function.strip("`")
        if not re.search(rf"^(?!\s).*\b{function}(\(|:$)", tree.texts.get(file, ""), re.M):
            yield f"{README}: '{question}': {file} has no function {function}"


# ---- the check, and the check of it ----

def wrong(tree, calls):
    used = set()
    return [*wrong_includes(tree), *wrong_calls(tree, calls, used), *unused_interfaces(tree, used), *wrong_hooks(tree),
            *wrong_lines(tree), *wrong_answers(tree)]


def _wrong_copy(folder, objects):
    """A copy of the tree with an include upward and a call upward; the tree and its calls."""
    for name in (*FOLDERS, "tests/kernel"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    page = folder / "mm" / "page.c"
    page.write_text('#include "kernel/fs/vfs.h"\n' + page.read_text(encoding="utf-8"), encoding="utf-8")
    caller = folder / "caller.c"
    caller.write_text("void fs_init(void);\nvoid caller(void);\nvoid caller(void)\n{\n\tfs_init();\n}\n", encoding="ascii")
    subprocess.run(["gcc", "-ffreestanding", "-c", "-o", str(folder / "caller.o"), str(caller)], check=True)
    return Tree(folder), Calls({**objects, str(folder / "caller.o"): "mm/slab.c"})


def _finds_wrong(objects):
    """Does the check name the file and the header of both? Nothing else may be wrong."""
    with tempfile.TemporaryDirectory(prefix="bident-") as folder:
        found = wrong(*_wrong_copy(Path(folder), objects))
    return (len(found) == 2 and found[0].startswith("mm/page.c ") and "kernel/fs/vfs.h" in found[0] and
            found[1].startswith("mm/slab.c ") and "fs_init" in found[1] and "kernel/fs/fs.h" in found[1]), "\n".join(found)


def check(report):
    names = ("build: the layers of kernel/README.md are true", "build: an arrow up is found")
    if not any(map(report.selected, names)):
        return
    objects = {}
    for variant in ("debug", "clang"):
        build.build(variant, [build.KERNEL])
        objects.update(_objects(variant))
    found = wrong(Tree(), Calls(objects))
    report.result(not found, names[0], "\n".join(f"    {line}" for line in found))
    if not found:
        right, details = _finds_wrong(objects)
        report.result(right, names[1], "" if right else details)


def main():
    tree = Tree()
    (ROOT / README).write_text(with_lines(tree), encoding="utf-8")


if __name__ == "__main__":
    main()
