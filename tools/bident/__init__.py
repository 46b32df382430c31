"""What tools/run, tools/test, tools/debug and tests/system share."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class Failure(Exception):
    """Something a person can understand in one line; tools print it and exit."""

    def __init__(self, text, status=1):
        super().__init__(text)
        self.status = status
