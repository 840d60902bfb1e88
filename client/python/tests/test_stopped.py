"""A server that stops in the middle of an answer, and says nothing any more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

import mlq
from mlq import _http, _watch
from scripted import Reply
from test_arrive import MIB, ranged, two_buffers

if TYPE_CHECKING:
    import threading

    from scripted import Scripted

SOON = 20.0  # seconds, of the 60 that a read may take


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "_LATE", 0.1)
    monkeypatch.setattr(_watch, "_GLANCE", 0.2)


@pytest.mark.parametrize("there", [100, 4 * MIB])
def test_in_the_middle_of_a_result(
    scripted: Scripted, client: mlq.Client, stays: threading.Event, there: int
) -> None:
    body = two_buffers()
    scripted.on("GET /jobs/53/result", lambda r: ranged(body, r, there)._replace(stays=stays))
    began = time.monotonic()
    with pytest.raises(mlq.Unavailable, match="stopped in the middle of an answer"):
        client.job(53).result(timeout=0.7, stream=False)
    assert time.monotonic() - began < SOON


def test_before_any_answer(scripted: Scripted, client: mlq.Client, stays: threading.Event) -> None:
    """It may be that the job runs: that is no failure of the server's."""
    scripted.on("GET /jobs/53/result", Reply(raw=b"", stays=stays))
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        client.job(53).result(timeout=0.3, stream=False)
    assert time.monotonic() - began < SOON


def test_a_glance(scripted: Scripted, client: mlq.Client, stays: threading.Event) -> None:
    """Who has no time left waits for no answer either."""
    scripted.on("GET /events", Reply(raw=b"", stays=stays))
    half = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"
    scripted.on("GET /jobs/53", Reply(raw=half, stays=stays))
    began = time.monotonic()
    assert mlq.wait([client.job(53)], timeout=0).not_done
    assert time.monotonic() - began < SOON
