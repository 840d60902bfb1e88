"""What a person sees of a job on a device that computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    import mlq


def test_a_simulated_device_is_named_so(
    simulated: mlq.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the display says where a job runs, and in the job's details."""
    job = simulated.submit(len, "four")
    assert job.result(stream=True) == 4
    where = [line for line in capsys.readouterr().err.splitlines() if " running on " in line]
    assert len(where) == 1
    assert " (simulated), queued for " in where[0]
    assert job.details()["attempts"][0]["simulated"] is True
