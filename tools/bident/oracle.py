"""Runs a program on the host's Linux as it would run on Bident: same files, same paths, pid 1 a plain reaper.

It gets a mount and a pid namespace of its own with the initramfs unpacked into a tmpfs, and a terminal.
"""

import os
import pty
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from bident import Failure

# Inside the new namespaces, as root: the tree, the device nodes that Bident has, and the program with the terminal.
_SETUP = """
set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
cd "$1"
/bin/busybox cpio -idm < "$2" 2>/dev/null
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/tty c 5 0
mknod -m 600 dev/console c 5 1
find . -depth -type d -exec touch -d @1000000000 {} +
shift 2
exec env -i PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/ TERM=linux USER=root \\
    /usr/sbin/chroot . /bin/busybox setsid -c /bin/busybox sh -c 'unset SHLVL PWD OLDPWD; "$@"; exit $?' sh "$@"
"""


class Oracle:
    def __init__(self, tree):
        if os.geteuid() == 0:
            self._prefix = []
        elif subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
            self._prefix = ["sudo", "-n"]
        else:
            raise Failure("comparing with Linux needs root or sudo: it runs programs in a chroot")
        self._folder = tempfile.TemporaryDirectory(prefix="bident-oracle-")
        self._root = Path(self._folder.name) / "root"
        self._root.mkdir()
        self._archive = Path(self._folder.name) / "initramfs"
        self._archive.write_bytes(tree.archive())

    def run(self, argv, timeout=60):
        """(output, status): status as a shell tells it, 128 + signal when killed."""
        command = [*self._prefix, "unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--kill-child",
                   "/bin/busybox", "sh", "-c", _SETUP, "sh", str(self._root), str(self._archive), *argv]
        master, slave = pty.openpty()
        process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave,
                                   start_new_session=True, close_fds=True)
        os.close(slave)
        output = bytearray()
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([master], [], [], left)[0]:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                os.close(master)
                raise Failure(f"Linux itself does not finish '{' '.join(argv)}' within {timeout} s")
            try:
                data = os.read(master, 65536)
            except OSError:  # the last process with the terminal is gone
                break
            if not data:
                break
            output += data
        os.close(master)
        status = process.wait()
        return output.decode(errors="replace").replace("\r\n", "\n"), status if status >= 0 else 128 - status

    def close(self):
        self._folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
