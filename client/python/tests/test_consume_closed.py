"""How a consumer ends, and what becomes of the job that it has then."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

import mlq
from consuming import PATIENCE, consumer, serving, wait_for
from mlq import _consume
from scripted import Reply, Request, Scripted, problem
from shop import Shop


@pytest.fixture
def shop(scripted: Scripted) -> Shop:
    return Shop(scripted)


def test_closed_while_a_job_runs_it_is_released_for_another(shop: Shop) -> None:
    began = threading.Event()

    def f(msg: Any) -> None:
        began.set()
        wait_for(lambda: False)

    job = shop.add(1)
    with serving(consumer(shop, f)):
        assert began.wait(PATIENCE)
    assert shop.ended[job] == ("released", b"")


def test_closed_while_it_asks_a_job_that_came_is_released_unstarted(shop: Shop) -> None:
    called: list[Any] = []
    made = consumer(shop, called.append)
    made._functions = lambda: {"f": called.append}

    def late(request: Request) -> Reply:
        made.close()
        return shop.take(request)

    shop.scripted.on("POST /consumer/take", late)
    job = shop.add(1)
    made.run()
    assert shop.ended[job] == ("released", b"")
    assert not called


def test_closed_while_it_waits_it_ends_at_once_and_takes_nothing_more(shop: Shop) -> None:
    waiting, go = threading.Event(), threading.Event()

    def f(msg: Any) -> None: ...

    def wait(request: Request) -> Reply:
        waiting.set()
        go.wait(PATIENCE)
        return Reply(204)

    shop.scripted.on("POST /consumer/take", wait, shop.take)
    with serving(consumer(shop, f)) as thread:
        assert waiting.wait(PATIENCE)
        began = time.monotonic()
        shop.add(1)
    assert time.monotonic() - began < _consume.POLL / 2
    assert not thread.is_alive()
    go.set()
    first, last = (json.loads(r.body) for r in shop.scripted.asked("POST /consumer/take"))
    assert last == {**first, "wait": 0, "functions": ["<none>"]}
    assert [job for job, (outcome, _) in shop.ended.items() if outcome != "released"] == []


def test_what_no_later_try_would_change_ends_it(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    def f(msg: Any) -> None: ...

    shop.scripted.on("POST /consumer/take", problem("unauthorized", 401, "no such token"))
    with pytest.raises(mlq.Unauthorized, match="no such token"):
        consumer(shop, f).run()
    shop.scripted.on("POST /consumer/take", problem("give-back", 410, "for job 60 of bert"))
    with pytest.raises(_consume.GivenBack, match="for job 60 of bert"):
        consumer(shop, f).run()
