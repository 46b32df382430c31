"""Debian packages as guests: `tools/run --packages bash,procps` puts them, and what they depend on, into the initramfs.

apt-get resolves and fetches them against an empty system, dpkg-deb unpacks them. They are unpacked, not installed:
their maintainer scripts do not run. What is fetched stays in build/packages.
"""

import io
import os
import subprocess
import tarfile

from bident import ROOT, Failure, build

CACHE = ROOT / "build" / "packages"
PROGRAM_FOLDERS = ("bin", "sbin", "usr/bin", "usr/sbin")
# Every Debian system has it, so that nothing names it as a dependency: what top, less and bash know of terminals.
ESSENTIAL = ("ncurses-base",)
# Text for people and for other languages: most of the size, and no program needs it to run.
LEFT_OUT = ("usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/lintian/",
            "usr/share/common-licenses/")


def _apt_get(*arguments):
    """Against a system with nothing installed, so that every dependency is named."""
    status = CACHE / "status"
    (CACHE / "partial").mkdir(parents=True, exist_ok=True)
    status.touch()
    command = ["apt-get", "-y", "-q", "--no-install-recommends", "-o", f"Dir::State::status={status}",
               "-o", f"Dir::Cache::archives={CACHE}", "-o", "Debug::NoLocking=true",
               "-o", "APT::Sandbox::User=" + ("root" if os.geteuid() == 0 else ""), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    if done.returncode != 0:
        reason = [line for line in done.stderr.splitlines() if line.startswith("E:")] or ["apt-get failed"]
        raise Failure(f"--packages: {reason[-1].removeprefix('E: ')} (is `apt-get update` needed?)")
    return done.stdout


def fetch(names):
    """The .deb files of these packages and of all they depend on, dependencies first."""
    # Lines are: 'URI' FILE SIZE HASH; those fetched before are left out of the list, so the cache plays no part in it.
    listing = _apt_get("--print-uris", "-o", "Dir::Cache::archives=/nonexistent", "install", *names, *ESSENTIAL)
    files = [line.split()[1] for line in listing.splitlines() if line.startswith("'")]
    with build.checkout_lock():
        if not all((CACHE / file).exists() for file in files):
            _apt_get("--download-only", "install", *names, *ESSENTIAL)
    return [CACHE / file for file in files]


def _add_member(tree, archive, member):
    path = member.name.removeprefix("./").rstrip("/")
    if not path or path.startswith(LEFT_OUT):
        return
    folder, _, name = path.rpartition("/")
    if member.isdir():
        tree.add_dir(path, member.mode & 0o7777)
        return
    if folder in PROGRAM_FOLDERS:  # the package's program, not busybox's of that name, wherever PATH finds it first
        for other in PROGRAM_FOLDERS:
            tree.remove_link_to(f"{other}/{name}", "busybox")
    if member.issym():
        if not tree.is_dir(path):  # /bin -> usr/bin is base-files' since Debian 13; here it is busybox's folder
            tree.add_link(path, member.linkname)
    elif member.isreg() or member.islnk():
        tree.add_file(path, archive.extractfile(member).read(), member.mode & 0o7777)


def add_to(tree, names):
    for file in fetch(names):
        unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", file], capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
            for member in archive:
                _add_member(tree, archive, member)
    # Since Debian 13 all libraries are below /usr, and a base system has links to them, as programs name ld.so.
    for folder, name in [path.rsplit("/", 1) for path in list(tree.entries) if path.startswith(("usr/bin/", "usr/sbin/"))]:
        top = folder.removeprefix("usr/")
        short = f"{top}/{name}"
        if short not in tree.entries and not tree.is_link(top.split("/")[0]):
            tree.add_link(short, f"/{folder}/{name}")
    for name in ("lib", "lib64"):
        if f"usr/{name}" in tree.entries and name not in tree.entries:
            tree.add_link(name, f"usr/{name}")
