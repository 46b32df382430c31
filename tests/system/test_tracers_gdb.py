"""Debian's gdb and gdbserver, as packaged, print on Bident what they print on Linux."""

import pytest

from side_by_side import assert_same, cases, machines  # noqa: F401

CASES = list(cases("gdb"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_same(machines, case):
    assert_same(machines, case)
