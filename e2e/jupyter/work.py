"""What the notebooks of the tests do: cells by name, and jobs that wait until a test lets them go on."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import TYPE_CHECKING, Any, Callable

from lab import until
from playwright.sync_api import expect

if TYPE_CHECKING:
    from pathlib import Path

    import mlq
    from lab import Lab
    from sheet import Cell

SETUP = """
import mlq, time
from pathlib import Path

GATES = Path({gates!r})

def wait(gate):
    end = time.monotonic() + 120
    while not (GATES / gate).exists():
        assert time.monotonic() < end, gate
        time.sleep(0.02)

def speak(who, gate):
    print(who, "begins", flush=True)
    wait(gate)
    print(who, "ends")
    return who

def train(epochs, gate):
    for epoch in mlq.progress(range(1, epochs + 1)):
        print(f"epoch {{epoch}} of {{epochs}}", flush=True)
        if epoch == 5:
            wait(gate)
    return epochs

def load(path):
    return open(path)  # the line that fails

def chatter(lines, gate):
    for n in range(lines):
        print("line", n, flush=n % 100 == 0)
        if n % 100 == 0:
            time.sleep(0.02)
    wait(gate)
"""


def cells(gates: Path, **more: str) -> dict[str, str]:
    """The first cell has the functions; gates are files in this folder."""
    gates.mkdir(exist_ok=True)
    return {"setup": SETUP.format(gates=str(gates)).strip(), **more}


def holder(gate: Path) -> Callable[[], None]:
    """A job of somebody else, which goes on when this file is there."""
    path = str(gate)

    def hold() -> None:
        import time
        from pathlib import Path

        end = time.monotonic() + 120
        while not Path(path).exists() and time.monotonic() < end:
            time.sleep(0.02)

    return hold


def empty(lab: Lab) -> None:
    """Cancel all jobs, and wait until they have ended."""
    everything = urllib.request.Request(f"{lab.url}/jobs?all=true", method="DELETE")
    with urllib.request.urlopen(everything, timeout=30):
        pass

    def is_empty() -> bool:
        active = f"{lab.url}/jobs?state=scheduled,queued,leased,running"
        with urllib.request.urlopen(active, timeout=30) as answer:
            return not json.load(answer)["jobs"]

    until("all jobs have ended", is_empty)


def job_of(cell: Cell, client: mlq.Client) -> mlq.Job[Any]:
    """The job whose line a cell shows."""
    expect(cell.line).to_contain_text(re.compile(r"mlq job \d+"))
    found = re.search(r"mlq job (\d+)", cell.line.inner_text())
    assert found is not None
    return client.job(int(found[1]))
