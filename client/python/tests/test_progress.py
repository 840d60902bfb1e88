"""What a job may report of itself: whatever it is, it is told somehow and does no harm."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import cloudpickle
import pytest

import mlq
from mlq._context import Context
from test_pickle import deep

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = 60.0  # seconds, far more than anything here takes


@pytest.fixture(autouse=True)
def _by_value() -> Iterator[None]:
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    yield
    cloudpickle.unregister_pickle_by_value(here)


class Mute:
    """Has no words for itself."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Told:
    """Takes what a context sends."""

    def __init__(self) -> None:
        self.last: Any = None

    def send(self, message: dict[str, Any], /) -> None:
        """Keep it as it arrives."""
        self.last = json.loads(json.dumps(message))["progress"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (50, 50),
        (-1, -1),
        (0.5, 0.5),
        (None, None),
        (True, True),
        ("two thirds", "two thirds"),
        ({"done": 1, "total": 3}, {"done": 1, "total": 3}),
        ((1, 2), [1, 2]),
        (b"\x00\xff", "b'\\x00\\xff'"),
        ({1}, "{1}"),
        (float("nan"), "nan"),
        (1j, "1j"),
        (Mute(), "<Mute>"),
        ("x" * 1_000_000, "x" * 1000),
        (["x" * 1_000_000], "['" + "x" * 998),
        ("😀" * 1_000_000, "😀" * 250),
        ("[" * 40, "[" * 40),
        (deep(32), deep(32)),
        (deep(33), str(deep(33))),
        (deep(10_000), "<list>"),
    ],
)
def test_whatever_is_reported(value: Any, told: Any) -> None:
    channel = Told()
    Context({}, channel).update_progress(value)
    assert channel.last == told


def test_a_megabyte_from_a_real_job(live: mlq.Client) -> None:
    """What cannot be shown whole is shown in part; the job gets its result."""

    def report(values: list[Any]) -> str:
        deepest: list[Any] = []
        for _ in range(10_000):
            deepest = [deepest]
        for value in [*values, Mute(), deepest, "x" * 1_000_000]:
            mlq.context().update_progress(value)
        return "done"

    job = live.submit(report, [b"\xff", {"a": "y" * 1_000_000}])
    assert job.result(LONG, stream=False) == "done"
    assert (job.progress, job.progress_text) == (100, "[completed]")
