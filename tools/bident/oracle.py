"""Runs a program on the host's Linux as it would run on Bident: same files, same paths, pid 1 a plain reaper.

It gets a mount and a pid namespace of its own with the initramfs unpacked into a tmpfs, and a terminal. Where
namespaces are not allowed (in most containers) a plain chroot has to do.
"""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import tempfile
import termios
import time
from pathlib import Path

from bident import Failure

# Most private first. In a chroot / is no mount point, and its propagation cannot be changed.
_UNSHARE = ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--kill-child"]
_WAYS = [[*_UNSHARE], [*_UNSHARE, "--propagation", "unchanged"], []]

# As root: the tree, the device nodes that Bident has, and the program with the terminal.
_SETUP = """
set -e
cd "$1"
session=
if [ "$3" = tmpfs ]; then
    session="/bin/busybox setsid -c" # a session that pid 1 of the new namespace can name
    mount -t tmpfs -o mode=755 tmpfs .
    cd "$1"
    mkdir -p tmp dev/shm proc sys
    mount -t tmpfs -o mode=1777 tmpfs tmp
    mount -t tmpfs -o mode=1777 tmpfs dev/shm
else
    /bin/busybox rm -rf ./*
fi
/bin/busybox cpio -idm < "$2" 2>/dev/null
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
mknod -m 600 dev/console c 5 1
mknod -m 666 dev/full c 1 7
mknod -m 644 dev/kmsg c 1 11
mknod -m 666 dev/ptmx c 5 2
mkdir -p dev/pts
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
find . -depth -type d -exec touch -d @1000000000 {} +
if [ "$3" = tmpfs ]; then
    mount -t proc proc proc
    mount -t sysfs sysfs sys
    mount -t devpts devpts dev/pts
fi
shift 3
exec env -i PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/ TERM=linux USER=root \\
    /usr/sbin/chroot . $session /bin/busybox sh -c 'unset SHLVL PWD OLDPWD; "$@"; exit $?' sh "$@"
"""


def _as_a_person_would():
    if os.geteuid() == 0:
        os.setpriority(os.PRIO_PROCESS, 0, 0)  # whatever this test run was niced to
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_DFL)  # and whatever it was told to ignore, as by nohup
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Oracle:
    def __init__(self, tree):
        if os.geteuid() == 0:
            self._prefix = []
        elif subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
            self._prefix = ["sudo", "-n"]
        else:
            raise Failure("comparing with Linux needs root or sudo: it runs programs in a chroot")
        self._folder = Path(tempfile.mkdtemp(prefix="bident-oracle-"))
        self._root = self._folder / "root"
        self._root.mkdir()
        self._archive = self._folder / "initramfs"
        self._archive.write_bytes(tree.archive())
        for self._unshare in _WAYS:
            output, status = self.run(["/bin/busybox", "echo", "works"])
            if (output, status) == ("works\n", 0):
                return
        self.close()
        raise Failure(f"comparing with Linux: no program runs in a chroot: {output.strip()}")

    def run(self, argv, timeout=60):
        """(output, status): status as a shell tells it, 128 + signal when killed."""
        command = [*self._prefix, *self._unshare, "/bin/busybox", "sh", "-c", _SETUP, "sh", str(self._root),
                   str(self._archive), "tmpfs" if self._unshare else "folder", *argv]
        master, slave = pty.openpty()
        process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave,
                                   start_new_session=True, close_fds=True, preexec_fn=_as_a_person_would)
        os.close(slave)
        output = bytearray()
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([master], [], [], left)[0]:
                subprocess.run([*self._prefix, "kill", "-KILL", "--", f"-{process.pid}"])
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
        text = output.decode(errors="replace").replace("\r\n", "\n")
        if self._prefix:
            text = re.sub(r"^sudo: .*\n", "", text)  # a warning about the host's name, for instance
        return text, status if status >= 0 else 128 - status

    def close(self):
        subprocess.run([*self._prefix, "rm", "-rf", "--one-file-system", str(self._folder)])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
