"""How long a server that is away is waited for while a job is followed."""

from __future__ import annotations

import pytest

import mlq
from mlq._deadline import Deadline
from mlq._follow import LogReader
from mlq._show import Show
from scripted import DROP, Scripted


def test_a_log_is_asked_for_with_all_the_patience_of_who_waits(
    scripted: Scripted, client: mlq.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.on("GET /jobs/53/logs", DROP)
    with pytest.raises(TimeoutError, match="not finished in time"):
        list(LogReader(client._transport, 53, Deadline(0.2)).read(1))
    monkeypatch.setattr("mlq._follow.LONG_PATIENCE", 0.2)
    with pytest.raises(mlq.Unavailable):
        list(LogReader(client._transport, 53, Deadline(2)).read(1))


def test_a_timeout_holds_from_the_first_request_on(
    scripted: Scripted, client: mlq.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlq._show.LONG_PATIENCE", 2)
    scripted.on("GET /jobs/53", DROP)
    with pytest.raises(TimeoutError):
        Show(client._transport, 53, Deadline(0.2)).run()
