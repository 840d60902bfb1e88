"""What a consumer does when its lease, its time limit or its user says stop."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import Any

import pytest

import mlq
from consuming import PATIENCE, consumer, serving, step, wait_for
from mlq import _belief, _held
from scripted import DROP, Scripted, problem
from shop import Shop


@pytest.fixture
def shop(scripted: Scripted) -> Shop:
    return Shop(scripted)


def test_a_cancel_is_raised_in_the_function_and_its_value_is_thrown_away(shop: Shop) -> None:
    began, seen = threading.Event(), []

    def f(msg: Any) -> str:
        began.set()
        try:
            wait_for(lambda: False)
        except mlq.Cancelled:
            seen.append("cancelled")
        return "a result nobody wants"

    job = shop.add(1, lease=6)  # so that a heartbeat is due each half a second
    with serving(consumer(shop, f)):
        assert began.wait(PATIENCE)
        shop.stop = [{"job": job, "why": "by anna", "outcome": "cancelled"}]
        wait_for(lambda: job in shop.ended)
    assert seen == ["cancelled"]
    assert shop.ended[job] == ("cancelled", b"")


def test_a_time_limit_ends_the_job_and_the_next_one_runs(shop: Shop) -> None:
    def f(msg: Any) -> Any:
        if msg == "long":
            wait_for(lambda: False)
        return msg

    long, next_one = shop.add("long", timeout=0.2), shop.add("short")
    with serving(consumer(shop, f)):
        wait_for(lambda: next_one in shop.ended)
    assert shop.ended[long] == ("timed_out", b"")
    assert shop.value(next_one) == "short"


def test_without_heartbeats_the_job_is_stopped_and_nothing_of_it_is_sent(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.scripted.on("POST /consumer/renew", DROP)
    shop.scripted.on("POST /consumer/finish", problem("busy", 503))
    stopped = []

    def f(msg: Any) -> str:
        try:
            wait_for(lambda: False)
        except mlq.Cancelled:
            stopped.append(time.monotonic())
        return "late"

    shop.add(1, lease=1.2, grace=30)
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, "mlq"):
        step(consumer(shop, f))
    assert stopped[0] - began > 0.7  # two thirds of the lease, and not the first lost heartbeat
    assert time.monotonic() - began > 1.2 - 0.1
    assert not shop.ended
    finishes = shop.scripted.asked("POST /consumer/finish")
    assert {r.query["outcome"] for r in finishes} == {"released"}
    assert "its end was not taken" in caplog.text


def test_with_heartbeats_a_job_outlives_its_lease(shop: Shop) -> None:
    def f(msg: Any) -> str:
        threading.Event().wait(0.9)
        return "in time"

    job = shop.add(1, lease=0.6)
    step(consumer(shop, f))
    assert shop.value(job) == "in time"


def test_a_result_that_comes_when_the_lease_is_over_is_not_sent(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.scripted.on("POST /consumer/renew", problem("stale", 409, "the lease is another's"))
    told: list[str] = []

    def f(msg: Any) -> str:
        with contextlib.suppress(mlq.Cancelled):
            wait_for(lambda: False)
        return "stale"

    shop.add(1, lease=2)
    end = step(consumer(shop, f, stuck=told))
    assert end is not None
    assert end.outcome == "lost"
    assert not shop.scripted.asked("POST /consumer/finish")
    assert not told


def test_who_does_not_stop_in_its_grace_is_ended_for_the_server(shop: Shop) -> None:
    let_go = threading.Event()
    told: list[str] = []

    def f(msg: Any) -> str:
        until = time.monotonic() + PATIENCE
        while not let_go.is_set() and time.monotonic() < until:
            with contextlib.suppress(mlq.Cancelled):
                let_go.wait(0.02)
        return "at last"

    job = shop.add(1, timeout=0.1, grace=0.2)
    made = consumer(shop, f, stuck=told)
    with serving(made):
        wait_for(lambda: told)
        assert shop.ended[job][0] == "timed_out"
        assert told == ["job 53 did not end in its grace: it ran longer than 0.1 s"]
        let_go.set()
        wait_for(lambda: made.jobs == 1)
    assert len(shop.scripted.asked("POST /consumer/finish")) == 1


@pytest.mark.parametrize(
    ("at", "outcome", "stuck"),
    [
        (39.9, None, False),
        (40.0, "released", False),
        (59.9, "released", False),
        (60.0, "lost", True),
    ],
)
def test_how_long_a_lease_is_believed_in(at: float, outcome: str | None, stuck: bool) -> None:
    taken = _held.Taken(53, 1, "7", None, ["f"], {}, float("inf"), 300, 60)
    called: list[str] = []
    since = _belief.now()
    held = _held.Held(taken, since, lambda: called.append("stop"), lambda: called.append("stuck"))
    held.judge(since + at)
    assert (held.stopped.outcome if held.stopped else None) == outcome
    assert called == ["stop"] * (outcome is not None) + ["stuck"] * stuck
    held.judge(since + at)
    assert called.count("stop") <= 1


def test_heartbeats_come_each_twelfth_of_the_lease_and_sooner_after_one_that_failed() -> None:
    belief = _belief.Belief(100.0, 60.0)
    assert belief.next_heartbeat(0.0) == 105.0
    assert belief.next_heartbeat(105.0) == pytest.approx(105 + 5 / 3)
