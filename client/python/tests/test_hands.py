"""The threads that fetch results and call back, and who is told what."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Callable

from mlq._collect import Collector
from mlq._hands import Hands

if TYPE_CHECKING:
    import pytest

LONG = 20


def test_a_callback_that_exits_ends_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    hands, called = Hands("test", 1), threading.Event()
    hands.do(sys.exit)
    hands.do(called.set)
    assert called.wait(LONG)
    assert "a call in thread test failed" in caplog.text


class Waiters:
    """Stands where the Watcher does, and is added to when the test says so."""

    def __init__(self) -> None:
        self.may_add, self.left = threading.Event(), threading.Event()
        self.waiting: list[Callable[..., None]] = []
        self.added = 0

    def add(self, _: Any, notify: Callable[..., None]) -> None:
        assert self.may_add.wait(LONG)
        self.waiting.append(notify)
        self.added += 1

    def drop(self, notify: Callable[..., None]) -> None:
        if notify in self.waiting:
            self.waiting.remove(notify)
            self.left.set()


class Numbered:
    id = 53


def test_who_stops_waiting_before_the_waiting_began() -> None:
    watcher: Any = Waiters()
    collector = Collector(watcher)
    adding = collector.collect([Numbered()], lambda *_: None)  # type: ignore[list-item]
    adding()
    watcher.may_add.set()
    hands_are_free(collector)
    assert not watcher.waiting, "nobody waits any more"


def hands_are_free(collector: Collector) -> None:
    done = threading.Barrier(5)
    for _ in range(4):
        collector._hands.do(lambda: done.wait(LONG))
    done.wait(LONG)
