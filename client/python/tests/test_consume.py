"""A consumer, over real connections to a server that keeps jobs as the real one does."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Callable

import pytest

import mlq
from mlq import _belief, _capture, _consume, _context, _envelope, _held, _interrupt, _work
from mlq._config import Settings
from mlq._line import Line
from scripted import DROP, Reply, Request, Scripted, problem
from shop import Shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlq._context import Context
    from mlq._reports import Reports

PATIENCE = 20.0  # seconds


@pytest.fixture
def shop(scripted: Scripted) -> Shop:
    return Shop(scripted)


def consumer(
    shop: Shop, *functions: Callable[..., Any], stuck: list[str] | None = None
) -> _consume.Consumer:
    @contextlib.contextmanager
    def around(context: Context, reports: Reports) -> Iterator[None]:
        def take(text: str) -> bool:
            reports.write(text)
            return True

        with _capture.captured(take, pass_on=True), _context.within(context):
            yield

    told = (lambda why: None) if stuck is None else stuck.append
    place = _consume.Place(_interrupt.Interrupt, around, told)
    by_name = {function.__name__: function for function in functions}
    return _consume.Consumer(Line(Settings(shop.scripted.url, "t")), lambda: by_name, place)


def step(made: _consume.Consumer) -> _work.End | None:
    try:
        return made.step()
    finally:
        made._keeper.close()
        if made._keeper._thread:
            made._keeper._thread.join(PATIENCE)


def wait_for(what: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        threading.Event().wait(0.01)


@contextlib.contextmanager
def serving(made: _consume.Consumer) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield thread
    finally:
        made.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_message_is_run_and_its_value_comes_back(shop: Shop) -> None:
    def f(msg: Any, utils: Any) -> Any:
        assert mlq.context() is utils
        assert utils["full_message"] == {"id": 53, "retries": 0, "msg": msg}
        return msg["arg1"] * msg["arg2"], msg["raw"]

    job = shop.add({"arg1": 6, "arg2": 3, "raw": {"py/b64": "AP8="}})
    end = step(consumer(shop, f))
    assert end is not None
    assert shop.value(job) == (18, b"\x00\xff")
    with pytest.raises(RuntimeError, match="inside a job"):
        mlq.context()


def test_all_named_functions_run_in_order_and_the_last_one_counts(shop: Shop) -> None:
    called = []

    def f(msg: Any) -> Any:
        called.append("f")

    def g(msg: Any, *args: Any) -> Any:
        called.append("g")
        return ("short", b"\x00long")

    job = shop.add(1, functions=["g", "f", "g"])
    step(consumer(shop, f, g))
    assert called == ["g", "f", "g"]
    assert shop.value(job) == b"\x00long"
    assert _envelope.unpack(shop.ended[job][1]).header["short"] == "short"


def test_what_it_prints_and_reports_is_there_when_it_ends(shop: Shop) -> None:
    def f(msg: Any, utils: Any) -> None:
        print("I got a message:", msg)
        print("warning", file=sys.stderr)
        utils["update_progress"](50)
        utils["update_progress"]("nearly")

    job = shop.add("snow ☃")
    step(consumer(shop, f))
    assert shop.ended[job][0] == "succeeded"
    assert shop.log.decode() == "I got a message: snow ☃\nwarning\n"
    assert shop.progress[-1] == "nearly"
    print("of nobody")
    assert b"nobody" not in shop.log


def test_an_exception_ends_the_job_and_not_the_consumer(shop: Shop) -> None:
    def f(msg: Any) -> Any:
        if msg == "bad":
            raise ValueError(f"no {msg}")
        if msg == "exit":
            sys.exit()
        return lambda: print if msg == "good" else (_ for _ in ())

    def lock(msg: Any) -> Any:
        return threading.Lock()

    bad, left, locked = shop.add("bad"), shop.add("exit"), shop.add(0, functions=["lock"])
    with serving(consumer(shop, f, lock)):
        wait_for(lambda: len(shop.ended) == 3)
    header = shop.error(bad)
    assert (header["type"], header["message"], header["reason"]) == (
        "ValueError",
        "no bad",
        "error",
    )
    assert 'raise ValueError(f"no {msg}")' in header["traceback"]
    assert "_work.py" not in header["traceback"]
    assert shop.value(left) is None
    assert shop.error(locked)["type"] == "mlq.NotSerializable"


@pytest.mark.parametrize("route", ["POST /consumer/take", "POST /consumer/finish"])
def test_a_lost_answer_neither_repeats_nor_loses_a_job(shop: Shop, route: str) -> None:
    called: list[Any] = []

    def lose(request: Request) -> Reply:
        getattr(shop, route.rpartition("/")[2])(request)
        return DROP

    reply = getattr(shop, route.rpartition("/")[2])
    shop.scripted.on(route, lose, problem("busy", 503), reply)
    job = shop.add(7)
    made = consumer(shop, called.append)
    made._functions = lambda: {"f": called.append}
    step(made)
    assert called == [7]
    assert shop.ended[job][0] == "succeeded"
    assert len({r.body for r in shop.scripted.asked(route)}) == 1


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


def test_the_consumer_outlives_a_large_result_of_a_lease_that_is_over(shop: Shop) -> None:
    def f(msg: Any) -> Any:
        return msg

    shop.add(1)
    refusals = [problem("too-large", 413, "a blob has 10 bytes"), problem("lease-lost", 409)]
    shop.scripted.on("POST /consumer/finish", *refusals, shop.finish)
    made = consumer(shop, f)
    end = step(made)
    assert end is not None
    assert made.jobs == 1
    assert len(shop.scripted.asked("POST /consumer/finish")) == 2


def test_too_large_a_result_fails_the_job_in_words(shop: Shop) -> None:
    def f(msg: Any) -> bytes:
        return bytes(1 << 20)

    too_large = problem("too-large", 413, "1 MiB is allowed")
    shop.scripted.on("POST /consumer/finish", too_large, shop.finish)
    job = shop.add(1)
    step(consumer(shop, f))
    assert shop.error(job)["type"] == "mlq.TooLarge"
    assert "1 MiB is allowed" in shop.error(job)["message"]


# --- the decisions


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
