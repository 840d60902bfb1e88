"""Cancelled, raised in a thread of a program, whatever that thread does just then."""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import mlq
from mlq._interrupt import Interrupt

PATIENCE = 10.0  # seconds


class Running:
    """A function in a thread of its own, with what may interrupt it."""

    def __init__(self, function: Any) -> None:
        self.interrupt = Interrupt()
        self.end: Any = None
        self.thread = threading.Thread(target=self._run, args=(function,), daemon=True)
        self.thread.start()

    def _run(self, function: Any) -> None:
        try:
            self.end = self.interrupt.run(function)
        except BaseException as err:  # noqa: BLE001
            self.end = err

    def join(self) -> Any:
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "it was not interrupted"
        return self.end


def test_it_comes_once_though_it_is_insisted_on() -> None:
    began, seen = threading.Event(), []

    def function() -> str:
        began.set()
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                time.sleep(0.001)
            except mlq.Cancelled as err:
                seen.append(str(err))
                until = time.monotonic() + 0.2  # cleans up; nothing more may come
        return "cleaned up"

    running = Running(function)
    assert began.wait(PATIENCE)
    running.interrupt()
    assert running.join() == "cleaned up"
    assert seen == ["the job was told to stop"]


def spin(began: threading.Event) -> None:
    began.set()
    while True:
        pass


# One that falls into the callback of a weak reference is lost there, as any exception is.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_of_the_interrupt_leaves_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised again and again, and the threads take turns at every step."""
    monkeypatch.setattr("mlq._interrupt._AGAIN", 0)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(300):
            began = threading.Event()
            running = Running(functools.partial(spin, began))
            assert began.wait(PATIENCE)
            running.interrupt()
            assert isinstance(running.join(), mlq.Cancelled)
    finally:
        sys.setswitchinterval(before)


def test_a_thread_is_not_interrupted_while_it_starts_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before Python 3.12 the new one would have it, and who starts it wait without end. Here
    another function stands for ``Thread.start``, which takes its time.
    """
    inside, leave, after, hits = threading.Event(), threading.Event(), threading.Event(), []

    def start() -> None:
        inside.set()
        try:
            while not leave.is_set():
                time.sleep(0.001)
        except mlq.Cancelled:
            hits.append("while it starts")

    def function() -> None:
        start()
        spin(after)

    monkeypatch.setattr("mlq._interrupt._SHARED", True)
    monkeypatch.setattr("mlq._interrupt._START", start.__code__)
    running = Running(function)
    assert inside.wait(PATIENCE)
    running.interrupt()
    time.sleep(0.3)  # some of its tries
    leave.set()
    assert isinstance(running.join(), mlq.Cancelled)
    assert hits == []


# Whatever the collector does may want the lock that who looks at the threads holds: a thread
# that starts does, and what is asked for here.
COLLECTING = """
import ctypes, gc, threading
from mlq import _interrupt
_interrupt._SHARED = True
seen = []
def collecting(*_):
    seen.append(1)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(0), None)
gc.callbacks.append(collecting)
gc.set_threshold(1)
for _ in range(1000):
    _interrupt._starts_another(threading.get_ident())
assert seen and gc.isenabled()
gc.disable()
_interrupt._starts_another(threading.get_ident())
assert not gc.isenabled()
print("through")
"""


def test_a_collection_does_not_stop_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COLLECTING], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("through\n", "")


def test_wanted_before_it_comes_at_once_and_after_it_not_at_all() -> None:
    interrupt = Interrupt()
    interrupt()
    with pytest.raises(mlq.Cancelled):
        interrupt.run(lambda: "not reached")
    late = Interrupt()
    assert late.run(lambda: "done") == "done"
    late()
    assert "".join("x" for _ in range(1000)) == "x" * 1000
