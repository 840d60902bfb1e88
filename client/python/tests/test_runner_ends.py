"""How a runner's job ends, and what becomes of its line to the slot."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from typing import Any

import pytest

import mlq
from mlq import _fork
from runners import PATIENCE, Runner, envelope

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the runner is for hosts: Linux")


def test_exit_without_a_code_is_a_result(runner: Runner) -> None:
    code, found = runner.call(sys.exit)
    assert (code, bytes(found.frames["view"])) == (0, b"null")


def test_exit_with_a_code_is_an_error(runner: Runner) -> None:
    code, found = runner.call(sys.exit, 3)
    assert (code, found.header["type"]) == (3, "SystemExit")


def test_first_sigterm_raises_cancelled(runner: Runner) -> None:
    def wait(_msg: int, ctx: Any) -> None:
        try:
            ctx.update_progress("up")
            signal.pause()
            signal.pause()
        finally:
            print("cleaned up")

    runner.become()
    runner.go("envelope", [envelope(wait, 1)])
    runner.hear("progress")
    runner.process.terminate()
    code, found = runner.end()
    assert (code, found.header["type"]) == (1, "mlq.Cancelled")
    assert (runner.folder / "log").read_text() == "cleaned up\n"


def test_threads_and_atexit_functions_are_waited_for(runner: Runner) -> None:
    def leave() -> int:
        import atexit
        import threading

        go = threading.Event()
        threading.Thread(target=lambda: (go.wait(), print("thread"))).start()
        atexit.register(lambda: print("atexit", end=""))
        threading.Thread(target=go.set).start()
        return 1

    code, _ = runner.call(leave)
    assert code == 0
    assert (runner.folder / "log").read_text() == "thread\natexit"


def test_too_large_a_result_is_refused(runner: Runner) -> None:
    code, found = runner.call(lambda: b"x" * (2 << 20))
    assert (code, found.header["reason"], found.header["type"]) == (1, "rejected", "mlq.TooLarge")


def test_line_closed_before_the_call_ends_it_quietly(runner: Runner) -> None:
    runner.become()
    runner.line.close()
    assert runner.process.wait(PATIENCE) == 0


@pytest.mark.parametrize(("size", "said"), [(1 << 20, False), (16 << 20, True)])
def test_a_large_result_is_said_before_it_is_written(runner: Runner, size: int, said: bool) -> None:
    runner.become(max_result=1 << 30)
    runner.go("source", [f"def f(msg): return b'x' * {size}".encode(), b"1"], function="f")
    messages: list[dict[str, Any]] = []
    while not messages or messages[-1]["op"] != "exit":
        messages.append(json.loads(runner.line.recv(1 << 18)))
    assert ({"op": "result"} in messages) is said


def test_a_pool_of_a_job_ends_its_workers_in_silence(runner: Runner) -> None:
    def f() -> Any:
        import multiprocessing

        with multiprocessing.get_context("fork").Pool(2) as pool:
            return pool.map(abs, [-1, 2])

    code, found = runner.call(f)
    assert (code, bytes(found.frames["view"])) == (0, b"[1,2]")
    assert (runner.folder / "log").read_text() == "", "it sends them SIGTERM, as nobody else does"


def test_a_copy_dies_of_sigterm_wherever_it_waits(runner: Runner) -> None:
    def ended_by() -> int:
        import ctypes

        ear, mouth = os.pipe()
        pid = os.fork()
        if pid == 0:
            lock = ctypes.CDLL(None).pthread_mutex_lock
            mutex = ctypes.create_string_buffer(64)
            lock(mutex)
            os.write(mouth, b"x")
            lock(mutex)  # for ever, and no signal brings it back to Python
        os.read(ear, 1)
        time.sleep(0.1)
        os.kill(pid, signal.SIGTERM)
        for _ in range(50):
            if os.waitpid(pid, os.WNOHANG)[0]:
                return 0
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        return 1

    code, found = runner.call(ended_by)
    assert (code, bytes(found.frames["view"])) == (0, b"0"), "a pool would wait for it for ever"


def test_a_cancel_during_a_fork_is_raised_after_it(runner: Runner) -> None:
    def forks() -> str:
        _fork._block()
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            try:
                _fork._unblock()
            except mlq.Cancelled:
                return "in the hook, which swallows it"
            time.sleep(5)
        except mlq.Cancelled:
            return "after it"
        return "never"

    code, found = runner.call(forks)
    assert (code, bytes(found.frames["view"])) == (0, b"after it"), found.header


def test_a_copy_keeps_the_handler_that_the_job_has_set(runner: Runner) -> None:
    def ended_by() -> int:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
        pid = os.fork()
        if pid == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    code, found = runner.call(ended_by)
    assert (code, bytes(found.frames["view"])) == (0, b"7")


def test_a_forked_copy_of_the_runner_hands_nothing_on(runner: Runner) -> None:
    def split() -> list[int]:
        pid = os.fork()
        if pid == 0:
            sys.exit(3)
        ended = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]
        pid = os.fork()
        if pid == 0:
            raise ValueError("of the copy")
        return [*ended, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]

    code, found = runner.call(split)
    assert (code, found.header["kind"], bytes(found.frames["view"])) == (0, "result", b"[3,1]")
    assert "ValueError: of the copy" in (runner.folder / "log").read_text()
    runner.line.shutdown(socket.SHUT_WR)
    said = [json.loads(packet) for packet in iter(lambda: runner.line.recv(1 << 18), b"")]
    assert said == [{"op": "exit", "code": 0}]


def test_a_job_may_close_the_line(runner: Runner) -> None:
    def close() -> int:
        mlq.context()  # there is one
        os.close(3)
        mlq.context().update_progress(1)
        return 5

    code, found = runner.call(close)
    assert (code, bytes(found.frames["view"])) == (0, b"5")


def test_missing_module_keeps_the_error_that_led_to_it(runner: Runner) -> None:
    def load() -> None:
        import importlib

        try:
            importlib.import_module("mlq_no_such_module")
        except ImportError:
            importlib.import_module("mlq_nor_such_a_module")

    _, found = runner.call(load)
    text = found.header["traceback"]
    assert "mlq_no_such_module" in text
    assert "During handling" in text
