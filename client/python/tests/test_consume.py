"""A consumer, over real connections to a server that keeps jobs as the real one does."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

import mlq
from consuming import consumer, serving, step, wait_for
from mlq import _envelope
from scripted import DROP, Reply, Request, Scripted, problem
from shop import Shop


@pytest.fixture
def shop(scripted: Scripted) -> Shop:
    return Shop(scripted)


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
