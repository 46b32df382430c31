"""The whole suite on another release of Debian: debootstrap makes a tree of it, and tools/test runs there in a copy of the checkout.

The mirror is the one that apt uses here. The tree gets mounts of its own, which end with the last process in it; then it is removed."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from bident import ROOT, Failure, machine, tap

# Code name, how it is called, and which compilers it has beside its own.
RELEASES = [("trixie", "Debian 13", ["gcc-12", "gcc-13", "clang-17", "clang-18"])]
TIMEOUT = 3 * 3600

# As root, in namespaces of its own: $1 is the tree, what follows a command in it.
_ENTER = """
set -e
tree=$1
shift
mount -t proc proc "$tree/proc"
mount --rbind /sys "$tree/sys"
mount --bind /dev "$tree/dev"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$tree/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$tree/dev/shm"
exec chroot "$tree" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
"""


def _mirror():
    """Where apt has Debian's main packages from."""
    text = subprocess.run(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(COMPONENT)|$(REPO_URI)", "Created-By: Packages"],
                          capture_output=True, text=True).stdout
    found = [line.split("|") for line in text.splitlines()]
    uris = [uri for origin, component, uri in found if (origin, component) == ("Debian", "main") and "security" not in uri]
    if not uris:
        raise Failure("releases: apt knows no mirror of Debian here (is `apt-get update` needed?)")
    return uris[0]


class Tree:
    def __init__(self, release):
        self._as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        self.path = Path(tempfile.mkdtemp(prefix="bident-release-", dir="/var/tmp"))
        self.path.chmod(0o755)
        try:
            self._make(release)
        except BaseException:
            self.close()
            raise

    def _make(self, release):
        self._quietly("debootstrap", "--variant=minbase", release, str(self.path), _mirror())
        settings = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True).stdout
        proxies = "".join(line + "\n" for line in settings.splitlines() if re.match(r"Acquire::\w+::Proxy ", line))
        self._write("etc/apt/apt.conf.d/90host", proxies)
        self._write("etc/resolv.conf", Path("/etc/resolv.conf").read_text(encoding="utf-8"))

    def _write(self, path, text):
        subprocess.run([*self._as_root, "tee", str(self.path / path)], input=text, text=True, stdout=subprocess.DEVNULL, check=True)

    def _quietly(self, *command):
        done = subprocess.run([*self._as_root, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace")
        if done.returncode != 0:
            raise Failure("\n".join([*done.stdout.splitlines()[-20:], f"releases: {command[0]} failed"]))

    def _command(self, *command):
        return [*self._as_root, "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER, "sh", str(self.path), *command]

    def install(self, names):
        self._quietly(*self._command("apt-get", "update")[len(self._as_root):])
        self._quietly(*self._command("apt-get", "install", "-y", "--no-install-recommends", *names)[len(self._as_root):])

    def copy_checkout(self):
        """The files as they are, and nothing that was built."""
        to = self.path / "bident"
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "bident"
            shutil.copytree(ROOT, copy, symlinks=True, ignore=lambda at, names: [n for n in names if Path(at) == ROOT and re.match(r"build|\.git$", n)])
            self._quietly("cp", "-a", str(copy), str(to))
            self._quietly("chown", "-R", "0:0", str(to))

    def run(self, *command):
        """A command's output, shown as it comes, and its status."""
        lines = []
        with subprocess.Popen(self._command(*command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace") as process:
            for line in process.stdout:
                print(f"    {line}", end="", flush=True)
                lines.append(line)
        return "".join(lines), process.returncode

    def close(self):
        subprocess.run([*self._as_root, "rm", "-rf", "--one-file-system", str(self.path)])


def _add(report, what, output, status):
    """What a tools/test in the tree came to, as results of this run."""
    results = tap.Results()
    closing = re.findall(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", output, re.M)
    if closing:
        results.passed, results.skipped = int(closing[-1][0]), int(closing[-1][2])
    for name in re.findall(r"^FAILED: (.*)$", output[output.rfind("\n== "):], re.M):
        results.fail(f"{what}: {name}")
    if (status != 0 or not closing) and not results.failed:
        results.fail(f"{what}: tools/test ended with status {status}")
    report.add(results)


def run(report):
    machine.set_up("--releases")
    for release, name, compilers in RELEASES:
        if not report.selected(f"releases: {name} ({release})"):
            continue
        print(f"making a tree of {name} with debootstrap …", flush=True)
        tree = Tree(release)
        try:
            tree.copy_checkout()
            output, status = tree.run("/bident/tools/test")
            _add(report, name, output, status)
            tree.install(compilers)
            output, status = tree.run("/bident/tools/test", "compilers")
            _add(report, name, output, status)
        finally:
            tree.close()
