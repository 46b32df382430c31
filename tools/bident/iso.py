"""tools/iso: the ISO for a stick or a CD. The same commit and options give the same bytes, in whatever folder and whenever."""

import subprocess
import sys
import tempfile
from pathlib import Path

from bident import ROOT, Failure, Parser, build, check_output, end_on_signals, end_with, initramfs, machine, packages, userprogs

MENU_SECONDS = "5"
NO_COMMIT = "1000000000"  # the date of everything in it, where git knows none


def parse_arguments(argv):
    parser = Parser(prog="tools/iso", description="Makes the ISO that starts a PC: as a CD, or copied to a USB stick.", allow_abbrev=False)
    parser.add_argument("--out", metavar="FILE", default="bident.iso", help="where it goes (bident.iso)")
    parser.add_argument("--packages", action="append", metavar="NAME,…", default=[],
                        help="put these Debian packages and their dependencies in the initramfs")
    parser.add_argument("--add", action="append", metavar="FILE[:PATH]", default=[],
                        help="put a file or folder into the initramfs, as /bin/NAME without PATH (repeatable)")
    parser.add_argument("--add-tests", action="store_true", help="put the programs of tests/user into /tests; the self-test runs some of them")
    arguments = parser.parse_args(argv)
    if not all(names.strip(",") for names in arguments.packages):
        parser.error("--packages: no package is named")
    check_output(parser, "--out", arguments.out)
    return arguments


def make_tree(arguments):
    tree = initramfs.standard_tree()
    if arguments.packages:
        packages.add_to(tree, [name for names in arguments.packages for name in names.split(",") if name])
    if arguments.add_tests:
        machine.set_up("--programs")
        userprogs.compile_all()
        userprogs.add_to(tree)
    for argument in arguments.add:
        initramfs.add_argument(tree, argument)
    return tree


def git(*arguments):
    """What it says; "" where the sources are no checkout, or git is not installed."""
    try:
        result = subprocess.run(["git", "-C", str(ROOT), *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except FileNotFoundError:
        return ""
    return result.stdout.strip()


def commit_date():
    """When the last commit was made, in seconds since 1970."""
    return git("log", "-1", "--format=%ct") or NO_COMMIT


def commit_name():
    """The last commit, for the log and the self-test's report; `-dirty` behind it if files were changed since."""
    return git("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*") or "unknown"


def make(out, tree, work):
    build.build("gcc", [build.KERNEL], copy_to=work)
    archive = work / "initramfs.cpio"
    archive.write_bytes(tree.archive())
    command = ["/usr/bin/env", f"SOURCE_DATE_EPOCH={commit_date()}", str(ROOT / "tools" / "mkiso"), str(work / build.KERNEL), str(out),
               "--initrd", str(archive), "--menu", MENU_SECONDS, "--cmdline", f"commit={commit_name()}"]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if result.returncode != 0:
        raise Failure(f"{result.stdout.rstrip()}\nmaking the ISO failed".lstrip())


def main():
    end_on_signals()
    arguments = parse_arguments(sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="bident-") as work:
        make(Path(arguments.out).absolute(), make_tree(arguments), Path(work))
    print(f"{arguments.out}: {Path(arguments.out).stat().st_size >> 20} MiB")
    return 0


if __name__ == "__main__":
    end_with(main, "tools/iso")
