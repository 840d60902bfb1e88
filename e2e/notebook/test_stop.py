"""Who owns a job cancels it by the stop button, and is told what became of it."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import mlq
import pytest
from kernel import Cell, Kernel
from lab import Lab, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN = "mlq.run(wait_for, {!r}, name='stopped')"
CELL = "%%gpu --name stopped -i wait_for\nwait_for({!r})"


@pytest.fixture(scope="module", autouse=True)
def _loaded(kernel: Kernel) -> None:
    assert not kernel.run("%load_ext mlq").error


def stopped(kernel: Kernel, cell: Cell) -> str:
    """Press stop, and what the cell says of its job then."""
    kernel.interrupt()
    cell.done()
    assert cell.error == "KeyboardInterrupt", cell
    return [m.text for m in cell.messages if m.display][-1]


@pytest.mark.parametrize("code", [RUN, CELL])
def test_a_running_job_is_cancelled(
    kernel: Kernel, client: mlq.Client, gate: Path, code: str
) -> None:
    cell = kernel.start(code.format(str(gate)))
    cell.until("it runs", lambda: "waiting for" in cell.stdout)
    said = stopped(kernel, cell)
    assert "cancelled by this interrupt" in said or "told to stop by this interrupt" in said, said
    assert cell.of("error")[0].content["traceback"][-1].count("KeyboardInterrupt")
    (job,) = client.jobs(limit=1)
    with pytest.raises(mlq.JobCancelled):
        job.result(60, stream=False)


@pytest.mark.parametrize("code", [RUN, CELL])
def test_a_waiting_job_never_starts(
    kernel: Kernel, client: mlq.Client, gate: Path, code: str
) -> None:
    kernel.run(f"first = mlq.submit(wait_for, {str(gate)!r})")
    cell = kernel.start(code.format(str(gate)))
    cell.until("it waits", lambda: any("queued, place" in m.text for m in cell.messages))
    assert "cancelled by this interrupt" in stopped(kernel, cell)
    (job,) = client.jobs(limit=1)
    assert (job.state, job.details()["attempts"]) == ("cancelled", [])
    gate.touch()
    assert kernel.value("first.result(stream=False)") == "'seen'"


@pytest.fixture
def freezer(tmp_path: Path) -> Iterator[Lab]:
    """A server of its own that a test may freeze."""
    made = Lab(tmp_path, "cpu:1", dev=True).start()
    try:
        yield made
    finally:
        send(made, signal.SIGCONT)
        made.stop()


def send(lab: Lab, number: int) -> None:
    """A signal to the server's process."""
    assert lab._process is not None
    os.kill(lab._process.pid, number)


@pytest.mark.parametrize("presses", [1, 2])
def test_a_frozen_server_is_told_when_it_answers(
    kernel: Kernel, freezer: Lab, gate: Path, presses: int
) -> None:
    kernel.run(f"lab = mlq.Client({freezer.url!r})")
    cell = kernel.start(f"lab.run(wait_for, {str(gate)!r})")
    cell.until("it runs", lambda: "waiting for" in cell.stdout)
    send(freezer, signal.SIGSTOP)
    began = time.monotonic()
    for _ in range(presses):
        kernel.interrupt()
    cell.done()
    assert time.monotonic() - began < 10, "no request is waited for; the figure is in bench/"
    assert cell.error == "KeyboardInterrupt"
    if presses == 1:
        assert "cancels it as soon as the server answers" in cell.messages[-2].text, cell
    send(freezer, signal.SIGCONT)
    with mlq.Client(freezer.url) as there:
        until("it is cancelled", lambda: there.job(1).state == "cancelled")


def test_result_leaves_the_job(kernel: Kernel, gate: Path) -> None:
    number = int(kernel.value(f"(job := mlq.submit(wait_for, {str(gate)!r})).id"))
    cell = kernel.start("job.result()")
    cell.until("it runs", lambda: "waiting for" in cell.stdout)
    said = stopped(kernel, cell)
    assert f"goes on; mlq.job({number}).result() waits again, .cancel() stops it" in said
    gate.touch()
    assert kernel.value(f"mlq.job({number}).result(stream=False)") == "'seen'"
