"""Bident's shell over the serial port: type a line, get what it prints and its status."""

import re
import time

import pexpect

from bident import Failure, machine

# At the beginning of a line, or the last thing printed, after a program that left its line unfinished.
# The number is the last command's status unless that was 0.
PROMPT = re.compile(r"(?:(?:^|[\r\n])bident(?: \[(\d+)\])?> |bident(?: \[(\d+)\])?> \Z)")
# What the kernel says before it stops, on a processor that cannot run it.
CANNOT = re.compile(r"^Bident needs [^\r\n]*[.]", re.M)
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]")


def readable(text):
    """As a person sees it: without escape sequences, plain newlines."""
    return _ESCAPE.sub("", text).replace("\r\n", "\n").replace("\r", "")


REPORTED = 4000  # characters of the last output, in the text of Ended


class Ended(Exception):
    """The machine is gone. `output`: what it printed since the last command; `status`: for tools/run to exit with."""

    def __init__(self, output, status, reason):
        super().__init__(f"{reason}:\n{output[-REPORTED:]}" if output else reason)
        self.output = output
        self.status = status
        self.reason = reason


class Console:
    """A running machine. Everything it prints is also in `log`; `echo` (a function) hears it at once."""

    def __init__(self, medium, extra=(), allow_reboot=False):
        self.medium = medium
        command = medium.command(*extra, allow_reboot=allow_reboot)
        self.log = ""
        self.started = time.monotonic()
        self._process = pexpect.spawn(command[0], command[1:], encoding="utf-8", codec_errors="replace",
                                      echo=False, timeout=None, dimensions=(40, 200))
        self._process.delaybeforesend = None
        self._process.delayafterclose = 0.01
        self._process.ptyproc.delayafterclose = 0.01

    # ---- what comes in ----

    def expect(self, patterns, timeout):
        """Index of the pattern found; before, match and after as in pexpect. Raises Ended or TimeoutError."""
        if isinstance(patterns, (str, re.Pattern)):
            patterns = [patterns]
        compiled = [re.compile(p, re.M) if isinstance(p, str) else p for p in patterns]
        try:
            index = self._process.expect_list(compiled, timeout=timeout)
        except pexpect.TIMEOUT:
            raise TimeoutError(readable(self._process.before) or f"the machine printed nothing for {timeout} s") from None
        except pexpect.EOF:
            self.log += self._process.before
            raise self._ended(readable(self._process.before)) from None
        self.log += self._process.before + self._process.after
        return index

    @property
    def before(self):
        return readable(self._process.before)

    @property
    def match(self):
        return self._process.match

    @property
    def pid(self):
        """QEMU's, on this machine."""
        return self._process.pid

    def pending(self):
        """What was printed and not yet consumed, for reports."""
        try:
            self._process.expect_exact("\0never\0", timeout=0.1)
        except pexpect.ExceptionPexpect:
            pass
        return readable(self._process.before or "")

    def _ended(self, output):
        self._process.wait() if self._process.isalive() else None
        self._process.close()
        qemu_status = self._process.exitstatus
        if machine.qemu_refused(qemu_status):
            return Ended(output, machine.EXIT_MACHINE_DIED, "the emulator ended by an error of its own")
        status, panicked = machine.guest_status(qemu_status)
        if panicked:
            return Ended(output, status, "the kernel panicked")
        if status is not None:
            return Ended(output, status, "powered off")
        if qemu_status == 0:
            return Ended(output, None, "powered off or reset")
        return Ended(output, machine.EXIT_MACHINE_DIED, f"QEMU ended with status {qemu_status}")

    def wait_prompt(self, timeout=180):
        """Until the shell waits for a line: (what was printed before, status shown in the prompt)."""
        self.expect(PROMPT, timeout)
        return self.before, int(self.match.group(1) or self.match.group(2) or 0)

    def wait_start(self, timeout):
        """wait_prompt() for the first prompt; Ended too on a processor that the kernel cannot run on."""
        if self.expect([PROMPT, CANNOT], timeout) == 1:
            raise Ended(readable(self.match.group()), machine.EXIT_MACHINE_DIED, "the kernel cannot run on this processor")
        return self.before

    def wait_end(self, timeout=30):
        """Until the machine is off: the Ended it came to."""
        try:
            self.expect(re.compile(r"\0never\0"), timeout)
        except Ended as ended:
            return ended
        raise AssertionError("unreachable")

    # ---- what goes out ----

    def send(self, text):
        self._process.send(text)

    def command(self, line, timeout=180):
        """Type a line at the prompt: (output, status). The line's own echo is not part of the output."""
        self.send(line + "\r")
        self.expect(re.compile(r"\r\n"), timeout)  # the end of the echo
        output, status = self.wait_prompt(timeout)
        return output + "\n" if output and not output.endswith("\n") else output, status

    def converse(self, line, keys, show, timeout=None):
        """A command that somebody at a terminal talks to: what it prints is shown at once, as it comes, and what
        `keys()` returns is typed. The status."""
        self.send(line + "\r")
        self.expect(re.compile(r"\r\n"), 60)
        deadline = None if timeout is None else time.monotonic() + timeout
        shown = 0
        while True:
            try:
                self.expect(PROMPT, 0.03)
            except TimeoutError:
                # The beginning of a prompt may be the end of what the command prints: it waits for the rest.
                text = re.sub(r"[\r\n]+(?:bident(?: \[\d*)?)?\Z", "", self._process.before)
                show(text[shown:])
                shown = max(shown, len(text))
                self.send(keys())
                if deadline is not None and time.monotonic() > deadline:
                    raise
                continue
            show(self._process.before[shown:] + "\r\n")
            return int(self.match.group(1) or self.match.group(2) or 0)

    def ok(self, line, timeout=180):
        """The output of a command that must succeed."""
        output, status = self.command(line, timeout)
        if status != 0:
            raise AssertionError(f"'{line}' ended with status {status}:\n{output}")
        return output

    def power_off(self, status=0, timeout=20):
        self.send(f"poweroff {status}\r")
        return self.wait_end(timeout)

    def close(self):
        if self._process.isalive():
            self._process.terminate(force=True)
        self._process.close(force=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


_COMPLAINT = re.compile(r"\] (command line: .*|init=\S+: cannot .*|initramfs\b.*(?:no room|compressed by|what came before).*)")


def complaints(boot_log):
    """What the kernel said of its command line, its initramfs and its first program that the one who gave them should know."""
    return [readable(line) for line in _COMPLAINT.findall(boot_log.replace("\r", ""))]


def boot(options, tree=None, timeout=120, extra=()):
    """A machine at its first prompt, and what it printed on the way there."""
    medium = machine.Medium(options, tree)
    console = Console(medium, extra)
    try:
        console.boot_log = console.wait_start(timeout)
    except BaseException:
        console.close()
        medium.close()
        raise
    return console


def check_word(text, what):
    if "\n" in text or "\r" in text:
        raise Failure(f"{what}: one line at a time", machine.EXIT_USAGE)
