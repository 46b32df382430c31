"""What tools/run, tools/test, tools/debug and tests/system share."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class Failure(Exception):
    """Something a person can understand in one line; tools print it and exit."""

    def __init__(self, text, status=1):
        super().__init__(text)
        self.status = status


def end_with(main, name):
    """Runs a tool's main() and exits: with what it returns, or with one line that says what went wrong."""
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"{name}: {failure}", file=sys.stderr)
        sys.exit(failure.status)
    except OSError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
