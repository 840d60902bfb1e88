"""The runner as a process that keeps a function loaded, against a server that has jobs for it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

import pytest

from runners import PATIENCE, Runner, by_value
from scripted import Scripted, problem
from shop import Shop

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the runner is for hosts: Linux")

SOURCE = b"""
import logging, multiprocessing, os, subprocess, sys, time
import mlq
logging.basicConfig(format="%(message)s")
print("loading", os.getpid())
seen = []

class Tensor(Exception): pass
OutOfMemoryError = type("OutOfMemoryError", (RuntimeError,), {})

def f(msg, utils):
    seen.append(msg)
    if msg == "raise":
        raise ValueError("no")
    if msg == "sleep":
        mlq.context().update_progress("asleep")
        time.sleep(60)
    if msg == "deaf":
        while True:
            try:
                time.sleep(60)
            except mlq.Cancelled:
                pass
    if msg == "oom":
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    if msg == "pool":
        with multiprocessing.get_context("fork").Pool(2) as pool:
            return pool.map(abs, [-1, 2])
    if msg == "stuck":
        import ctypes
        lock, mutex = ctypes.CDLL(None).pthread_mutex_lock, ctypes.create_string_buffer(64)
        ear, mouth = os.pipe()
        child = os.fork()
        if not child:
            lock(mutex)
            os.write(mouth, b"x")
            lock(mutex)  # for ever, and no signal brings it back to Python
        os.read(ear, 1)
        time.sleep(0.1)
        os.kill(child, 15)
        return os.waitpid(child, 0)[1]
    if msg == "fork":
        child = os.fork()
        if not child:
            print("of the child")
            mlq.context().update_progress("of the child")
            sys.exit(3)
        return os.waitpid(child, 0)[1] >> 8
    print("got", msg)
    logging.warning("warned")
    return [os.getpid(), len(seen)]
"""


@pytest.fixture
def shop(scripted: Scripted) -> Shop:
    return Shop(scripted)


def start(
    runner: Runner, shop: Shop, part: bytes = SOURCE, form: str = "source", **more: Any
) -> None:
    runner.become(env={"MLQ_URL": shop.scripted.url, "MLQ_TOKEN": "a"})
    runner.go("consumer", [part], names=["f"], form=form, filename="model.py", **more)


def until(runner: Runner, what: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert runner.process.poll() is None, (runner.folder / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def log(runner: Runner) -> str:
    return (runner.folder / "log").read_text()


def test_a_source_is_loaded_once_and_keeps_its_state(runner: Runner, shop: Shop) -> None:
    jobs = [shop.add(msg) for msg in ("a", "raise", "b")]
    start(runner, shop, idle=0.3)
    code, found = runner.end()
    assert (code, json.loads(bytes(found.frames["view"]))) == (0, 3)
    assert log(runner).count("loading") == 1
    assert [shop.value(jobs[0]), shop.value(jobs[2])] == [
        [runner.process.pid, 1],
        [runner.process.pid, 3],
    ]
    assert shop.error(jobs[1])["type"] == "ValueError"
    assert shop.log == b"got b\nwarned\n"  # of the last one; what it logs is its own too
    assert "got" not in log(runner)


def test_a_pickle_is_loaded_once(runner: Runner, shop: Shop) -> None:
    state: list[Any] = []

    def f(msg: Any) -> int:
        state.append(msg)
        return len(state)

    jobs = [shop.add(1), shop.add(2)]
    start(runner, shop, by_value(f), "pickle", idle=0.2)
    assert runner.end()[0] == 0
    assert [shop.value(job) for job in jobs] == [1, 2]


def test_it_is_given_back_when_the_server_wants_it(runner: Runner, shop: Shop) -> None:
    shop.scripted.on("POST /consumer/take", problem("give-back", 410, "bert's job 60 waits"))
    start(runner, shop)
    code, found = runner.end()
    assert (code, json.loads(bytes(found.frames["view"]))) == (0, 0)
    assert "mlq: bert's job 60 waits" in log(runner)


def test_sigterm_releases_the_job_and_ends_the_process(runner: Runner, shop: Shop) -> None:
    job = shop.add("sleep", grace=30)
    start(runner, shop)
    until(runner, lambda: shop.progress == ["asleep"])
    runner.process.send_signal(signal.SIGTERM)
    code, found = runner.end()
    assert (code, found.header["type"]) == (1, "mlq.Cancelled")
    assert shop.ended[job] == ("released", b"")


def test_a_cancelled_job_is_interrupted_in_its_sleep_and_the_process_goes_on(
    runner: Runner, shop: Shop
) -> None:
    job, later = shop.add("sleep", lease=6, grace=30), shop.add("b")
    start(runner, shop)
    until(runner, lambda: shop.progress == ["asleep"])
    shop.stop = [{"job": job, "why": "by anna", "outcome": "cancelled"}]
    until(runner, lambda: later in shop.ended)
    assert shop.ended[job][0] == "cancelled"
    assert shop.value(later) == [runner.process.pid, 2]


def test_a_job_that_does_not_end_in_its_grace_ends_the_process(runner: Runner, shop: Shop) -> None:
    job = shop.add("deaf", timeout=0.1, grace=0.2)
    start(runner, shop)
    assert runner.process.wait(PATIENCE) == 1
    assert shop.ended[job][0] == "timed_out"
    assert "mlq: job 53 did not end in its grace: it ran longer than 0.1 s" in log(runner)
    assert os.path.getsize(runner.folder / "result") == 0


def test_out_of_memory_ends_the_process_after_the_job(runner: Runner, shop: Shop) -> None:
    job, other = shop.add("oom"), shop.add("b")
    start(runner, shop)
    code, found = runner.end()
    assert (code, json.loads(bytes(found.frames["view"]))) == (0, 1)
    assert shop.error(job)["reason"] == "oom"
    assert other not in shop.ended
    assert "out of memory" in log(runner)


def test_the_workers_of_a_pool_are_ended_and_not_the_process(runner: Runner, shop: Shop) -> None:
    jobs = [shop.add("pool"), shop.add("b")]
    start(runner, shop, idle=0.3)
    assert runner.end()[0] == 0
    assert shop.value(jobs[0]) == [1, 2]
    assert shop.value(jobs[1]) == [runner.process.pid, 2]


def test_a_forked_process_dies_of_sigterm_wherever_it_waits(runner: Runner, shop: Shop) -> None:
    job = shop.add("stuck")
    start(runner, shop, idle=0.3)
    assert runner.end()[0] == 0
    assert shop.value(job) == signal.SIGTERM


def test_a_process_that_a_job_forks_is_no_second_consumer(runner: Runner, shop: Shop) -> None:
    jobs = [shop.add("fork"), shop.add("b")]
    start(runner, shop, idle=0.3)
    assert runner.end()[0] == 0
    assert shop.value(jobs[0]) == 3
    assert shop.value(jobs[1]) == [runner.process.pid, 2]
    assert len(shop.scripted.asked("POST /consumer/finish")) == 2
    assert "of the child" in log(runner), "it goes where that process prints"
    assert b"of the child" not in shop.log
    assert shop.progress == []


@pytest.mark.parametrize(
    ("part", "form", "text"),
    [
        (b"def g(msg): ...", "source", "model.py has no function 'f'; it has: g"),
        (b"import sys; sys.exit()", "source", "f cannot be loaded: it calls sys.exit(None)"),
        (b"not a pickle", "pickle", ""),
    ],
)
def test_what_cannot_be_loaded_is_refused(
    runner: Runner, shop: Shop, part: bytes, form: str, text: str
) -> None:
    start(runner, shop, part, form)
    code, found = runner.end()
    assert (code, found.header["reason"]) == (1, "rejected")
    assert text in found.header["message"]
    assert not shop.scripted.requests
