"""What jobs of several threads print, each for itself, and what is left of it afterwards."""

from __future__ import annotations

import sys
from typing import Callable

import pytest

from mlq import _capture


def taking(into: list[str]) -> Callable[[str], bool]:
    def take(text: str) -> bool:
        into.append(text)
        return True

    return take


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_jobs_that_overlap_leave_the_stream_as_it_was(name: str) -> None:
    """As of two listeners of a program: whichever ends first, nothing stays in the way."""
    stream = getattr(sys, name)
    for _ in range(3):
        one: list[str] = []
        other: list[str] = []
        first = _capture.captured(taking(one), pass_on=True)
        second = _capture.captured(taking(other), pass_on=True)
        first.__enter__()
        second.__enter__()
        getattr(sys, name).write("both")
        first.__exit__(None, None, None)
        getattr(sys, name).write("second")
        second.__exit__(None, None, None)
        assert getattr(sys, name) is stream
        assert (one, other) == (["both"], ["both", "second"])


def test_what_somebody_puts_over_it_stays() -> None:
    stream, taken = sys.stdout, list[str]()
    with _capture.captured(taking(taken), pass_on=True):
        theirs = sys.stdout = _capture.Capture(sys.stdout, lambda _text: False, pass_on=True)
    try:
        assert sys.stdout is theirs
        print("over", end="")
        assert taken == []
    finally:
        sys.stdout = stream
