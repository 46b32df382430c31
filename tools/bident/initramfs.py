"""The initramfs: a cpio "newc" archive of iso/rootfs, Debian's busybox and whatever else is asked for.

An archive depends on nothing but its contents: names are sorted, times and inode numbers are fixed,
everything belongs to root.
"""

import os
import stat
import subprocess

from bident import ROOT, Failure

BUSYBOX = "/bin/busybox"  # of the package busybox-static; /usr/bin is the same folder
FIXED_TIME = 1_000_000_000


class Tree:
    """A file tree in memory: path without leading slash → (mode, contents)."""

    def __init__(self):
        self.entries = {}

    def add_dir(self, path, mode=0o755):
        self._parents(path)
        self.entries.setdefault(path, (stat.S_IFDIR | mode, b""))

    def add_file(self, path, data, mode=0o644):
        self._parents(path)
        if self.is_dir(path):
            raise Failure(f"initramfs: /{path} is a folder already", 2)
        self.entries[path] = (stat.S_IFREG | mode, data)

    def add_link(self, path, target):
        self._parents(path)
        self.entries[path] = (stat.S_IFLNK | 0o777, target.encode())

    def is_dir(self, path):
        return stat.S_ISDIR(self.entries.get(path, (0,))[0])

    def is_link(self, path):
        return stat.S_ISLNK(self.entries.get(path, (0,))[0])

    def remove_link_to(self, path, target):
        if self.entries.get(path) == (stat.S_IFLNK | 0o777, target.encode()):
            del self.entries[path]

    def add_from_disk(self, source, path):
        """A file, a symbolic link or a whole folder, with its permission bits."""
        mode = os.lstat(source).st_mode
        if stat.S_ISLNK(mode):
            self.add_link(path, os.readlink(source))
        elif stat.S_ISDIR(mode):
            if path:
                self.add_dir(path)
            for name in sorted(os.listdir(source)):
                self.add_from_disk(os.path.join(source, name), f"{path}/{name}" if path else name)
        elif stat.S_ISREG(mode):
            with open(source, "rb") as file:
                # Only the execute bit is the checkout's: the rest is the umask of whoever cloned it.
                self.add_file(path, file.read(), 0o755 if mode & 0o111 else 0o644)
        else:
            raise Failure(f"{source}: neither a file, a link nor a folder", 2)

    def _parents(self, path):
        if not path or path.startswith("/") or ".." in path.split("/"):
            raise Failure(f"initramfs: bad path '{path}'", 2)
        while "/" in path:
            path = path.rsplit("/", 1)[0]
            there = self.entries.setdefault(path, (stat.S_IFDIR | 0o755, b""))
            if not stat.S_ISDIR(there[0]):
                raise Failure(f"initramfs: /{path} is not a folder", 2)

    def unpack(self, folder):
        """The same tree on the host's disk, for running the same programs there."""
        for path, (mode, data) in sorted(self.entries.items()):
            target = os.path.join(folder, path)
            if stat.S_ISDIR(mode):
                os.makedirs(target, exist_ok=True)
            elif stat.S_ISLNK(mode):
                os.symlink(data.decode(), target)
                os.utime(target, (FIXED_TIME, FIXED_TIME), follow_symlinks=False)
                continue
            else:
                with open(target, "wb") as file:
                    file.write(data)
                os.utime(target, (FIXED_TIME, FIXED_TIME))
            os.chmod(target, stat.S_IMODE(mode))
        for path, (mode, _) in sorted(self.entries.items(), reverse=True):
            if stat.S_ISDIR(mode):
                os.utime(os.path.join(folder, path), (FIXED_TIME, FIXED_TIME))

    def archive(self):
        """cpio(5) "newc", as Linux reads it."""
        out = bytearray()
        for inode, (path, (mode, data)) in enumerate(sorted(self.entries.items()), start=1):
            links = 2 if stat.S_ISDIR(mode) else 1
            _append_entry(out, path, inode, mode, links, data)
        _append_entry(out, "TRAILER!!!", 0, 0, 1, b"")
        return bytes(out)


def _append_entry(out, path, inode, mode, links, data):
    name = path.encode() + b"\0"
    fields = [inode, mode, 0, 0, links, FIXED_TIME, len(data), 0, 0, 0, 0, len(name), 0]
    out += b"070701" + b"".join(b"%08X" % field for field in fields) + name
    out += bytes(-len(out) % 4)
    out += data
    out += bytes(-len(out) % 4)


def _applets():
    listing = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    return listing.stdout.split()


def standard_tree():
    """iso/rootfs and busybox with a link for each of its applets, as on a small Linux system."""
    if not os.path.exists(BUSYBOX):
        raise Failure(f"{BUSYBOX} is missing: install busybox-static (tools/setup does)")
    tree = Tree()
    for name in ("bin", "dev", "etc", "proc", "root"):
        tree.add_dir(name)
    tree.add_dir("tmp", 0o1777)
    tree.add_from_disk(ROOT / "iso" / "rootfs", "")
    tree.add_from_disk(os.path.realpath(BUSYBOX), "bin/busybox")
    for applet in _applets():
        if applet != "busybox":
            tree.add_link(f"bin/{applet}", "busybox")
    return tree


def add_argument(tree, argument):
    """--add FILE[:PATH]: without PATH it becomes /bin/NAME."""
    source, _, path = argument.partition(":")
    if not os.path.exists(source):
        raise Failure(f"--add: no such file: {source}", 2)
    path = path.strip("/") or f"bin/{os.path.basename(source.rstrip('/'))}"
    # A link is followed here: a person names a program, not the link to it.
    tree.add_from_disk(os.path.realpath(source), path)
