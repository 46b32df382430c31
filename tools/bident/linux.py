"""Debian's stock kernel as a guest: fetched and unpacked by Debian's own tools, booted with one program as its init."""

import io
import os
import re
import subprocess
import tarfile

from bident import ROOT, Failure, machine, packages

NAME = "linux-image-cloud-amd64"
FOLDER = ROOT / "build" / "linux"
# What costs time and has no counterpart in Bident is off.
COMMAND_LINE = ("console=ttyS0 quiet panic=-1 mitigations=off pti=off init_on_alloc=0 lsm= apparmor=0 selinux=0 audit=0 "
                "cgroup_disable=memory randomize_kstack_offset=off hardened_usercopy=off rdinit=/init")
INSTEAD = "`--only bident` measures Bident alone"


def _apt(*command, cwd=None):
    result = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env={**os.environ, "LC_ALL": "C"})
    if result.returncode != 0:
        reason = [line for line in result.stderr.splitlines() if line.startswith("E:")] or ["it failed"]
        raise Failure(f"Debian's kernel: {command[0]}: {reason[-1].removeprefix('E: ')} (is `apt-get update` needed?); {INSTEAD}")
    return result.stdout


def _unpack(package):
    """The kernel out of a .deb file."""
    data = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            if re.fullmatch(r"(\./)?boot/vmlinuz-.*", member.name):
                target = FOLDER / os.path.basename(member.name)
                temporary = FOLDER / f"{os.getpid()}.tmp"
                temporary.write_bytes(archive.extractfile(member).read())
                os.replace(temporary, target)
                return
    raise Failure(f"{package}: no kernel in it; {INSTEAD}")


def fetch():
    """The bzImage of the newest cloud kernel that apt knows, or else of one that was fetched before."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    there = sorted(FOLDER.glob("vmlinuz-*"))
    try:
        wanted = re.search(r"Depends: linux-image-(\S+)", _apt("apt-cache", "depends", NAME))
        if not wanted:
            raise Failure(f"Debian's kernel: apt-cache knows no {NAME} (is `apt-get update` needed?); {INSTEAD}")
        kernel = FOLDER / f"vmlinuz-{wanted[1]}"
        if not kernel.exists():
            packages.CACHE.mkdir(parents=True, exist_ok=True)
            _apt("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", f"linux-image-{wanted[1]}", cwd=packages.CACHE)
            _unpack(max(packages.CACHE.glob(f"linux-image-{wanted[1]}_*.deb"), key=os.path.getmtime))
        return kernel
    except (Failure, FileNotFoundError, subprocess.CalledProcessError) as error:
        if there:
            return there[-1]
        raise error if isinstance(error, Failure) else Failure(f"Debian's kernel: {error}; {INSTEAD}") from None


def version(kernel):
    """What the image says of itself (Documentation/x86/boot.rst, kernel_version)."""
    with open(kernel, "rb") as file:
        start = file.read(0x10200)  # a pointer of 16 bits, from 0x200 on
    at = int.from_bytes(start[0x20e:0x210], "little") + 0x200
    return start[at:start.index(b"\0", at)].decode(errors="replace")


def run(kernel, archive, words, options, timeout, extra=()):
    """What the program /init of the archive prints, given these words; it switches the machine off at its end."""
    # It dies with whoever started it, also when that one is killed.
    command = ["/usr/bin/setpriv", "--pdeathsig", "TERM", machine.QEMU, "-machine", options.machine, "-cpu", machine.cpu_option(options),
               "-m", options.memory, "-smp", str(options.smp), "-accel", "tcg", "-nic", "none", "-display", "none",
               "-monitor", "none", "-serial", "stdio", "-no-reboot",
               "-kernel", str(kernel), "-initrd", str(archive), "-append", f"{COMMAND_LINE} -- {words}",
               *machine.icount_options(options), *extra]
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"Linux: '{words}' did not end within {timeout:g} s; it printed\n{(late.stdout or b'').decode(errors='replace')}",
                      machine.EXIT_TIMEOUT) from None
    output = result.stdout.decode(errors="replace").replace("\r\n", "\n")
    if result.returncode != 0:
        raise Failure(f"{output}Linux: QEMU ended with status {result.returncode}")
    return output
