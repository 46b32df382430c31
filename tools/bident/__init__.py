"""What tools/run, tools/test, tools/debug and tests/system share."""

import argparse
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class Failure(Exception):
    """Something a person can understand in one line; tools print it and exit."""

    def __init__(self, text, status=1):
        super().__init__(text)
        self.status = status


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (--help says more)\n")


def check_output(parser, option, path):
    """Refuses a file that cannot be written, before the work that is to fill it."""
    if path is None:
        return
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path) or not os.path.isdir(folder) or not os.access(path if os.path.exists(path) else folder, os.W_OK):
        parser.error(f"{option}: cannot write to {path}")


def describe(error):
    """An OSError without its number."""
    return ": ".join(str(part) for part in (error.filename, error.strerror) if part) or str(error)


def end_on_signals():
    """Lets SIGTERM and SIGHUP (a harness, a closed terminal) end the machine and its folder with the tool."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def _drop_output():
    """What is still buffered for a reader or a disk that takes no more must not be tried again at the exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(main):
    """Runs main(), and writes what it printed."""
    try:
        status = main()
    except SystemExit as end:
        status = end.code
    sys.stdout.flush()
    return status


def end_with(main, name):
    """Runs a tool's main() and exits: with what it returns, or with one line that says what went wrong."""
    try:
        sys.exit(_run(main))
    except Failure as failure:
        print(f"{name}: {failure}", file=sys.stderr)
        sys.exit(failure.status)
    except BrokenPipeError:  # as in `| head -1`
        _drop_output()
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        print(f"{name}: {describe(error)}", file=sys.stderr)
        _drop_output()
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
