"""Jobs that end when the test says so, and how to wait for what becomes of them."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import cloudpickle
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import mlq


cloudpickle.register_pickle_by_value(sys.modules[__name__])  # what is here travels too


LONG = 60.0  # seconds, far more than anything here takes


@pytest.fixture
def travelling(request: pytest.FixtureRequest) -> Iterator[None]:
    """Functions of the test's file travel as those of a notebook do: jobs cannot import it."""
    cloudpickle.register_pickle_by_value(request.module)
    yield
    cloudpickle.unregister_pickle_by_value(request.module)


def add(a: Any, b: Any = 0) -> Any:
    return a + b


def wait_for(path: str) -> str:
    """Blocks until a file appears: the test decides when the job ends."""
    import time

    print("waiting", flush=True)
    while not os.path.exists(path):
        time.sleep(0.01)
    return "seen"


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file that jobs of ``wait_for`` wait for; made at the end in any case."""
    path = tmp_path / "gate"
    yield path
    path.touch()


@pytest.fixture
def busy(live: mlq.Client, gate: Path) -> list[mlq.Job[str]]:
    """Both devices are taken until the gate opens."""
    jobs = [live.submit(wait_for, str(gate)) for _ in range(2)]
    for job in jobs:
        until(job.running)
    return jobs


def until(condition: Any) -> None:
    """Wait for a condition, with an end."""
    tick, deadline = threading.Event(), time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        tick.wait(0.02)
