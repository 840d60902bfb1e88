"""What the runner says of a value, of an error, and of a job's context."""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

import pytest

import mlq
from mlq import _trace, _values
from mlq._envelope import pieces


def test_context_outside_of_a_job_is_an_error_and_progress_is_not() -> None:
    with pytest.raises(RuntimeError, match="inside a job"):
        mlq.context()
    assert list(mlq.progress([1, 2])) == [1, 2]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"\x00", "bytes"),
        ("text", "text"),
        (None, "json"),
        (2**53, "json"),
        ({"a": [1, 2.5, True]}, "json"),
        (2**53 + 1, "pickle"),
        (float("nan"), "pickle"),
        ("\udcff", "pickle"),
        ({1: 2}, "pickle"),
        ((1, 2), "pickle"),
        ([[]] * 2, "pickle"),
        (bytearray(b"x"), "pickle"),
    ],
)
def test_kind_of_a_value(value: Any, kind: str) -> None:
    header, frames = _values.encode(value)
    assert header["value"] == kind
    shown = b"".join(pieces(dict(frames)["view"]))
    if kind in ("json", "pickle"):
        json.loads(shown)


def test_list_that_contains_itself_is_shown_somehow() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert json.loads(_values.view(loop)) == "[[...]]"


def test_member_that_cannot_be_pickled_is_named() -> None:
    class Model:
        def __init__(self) -> None:
            self.lock = signal.signal  # picklable
            self.handles = [1, sys._getframe()]

    where, _ = _values.find_unpicklable({"model": Model()}, TypeError("x"))
    assert where == "result['model'].handles[1]"


def test_broken_exceptions_still_have_a_text() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "Broken" in _trace.render(Broken())


def test_out_of_memory_is_recognised_by_name() -> None:
    kind = type("OutOfMemoryError", (RuntimeError,), {"__module__": "torch"})
    assert _trace.is_out_of_memory(kind("CUDA out of memory"))
    assert _trace.is_out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate"))
    assert not _trace.is_out_of_memory(RuntimeError("out of luck"))
