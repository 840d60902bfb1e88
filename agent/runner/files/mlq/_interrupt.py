"""How Cancelled is raised in a function that runs in a thread of somebody's program.

Where the function is Python, it comes at the next step; a call into C (``time.sleep`` is one)
has to come back first. Only while the function runs: our own code is not cut in two by it.

A thread that is just being started has, before Python 3.12, the number of the one that starts
it. It would get the exception instead, end before it has begun, and be waited for without end.
So nothing is raised there while the thread starts another, and it is raised again until it is
seen to have come.
It can still be lost, one time in many thousands: where the threads take turns between the look
and the raising, and where it falls into the callback of a weak reference.
Before 3.12 the first of these may also leave the thread that starts another waiting in
Thread.start: for as long as ``stuck`` has not acted.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from ._cancel import Cancelled

if TYPE_CHECKING:
    from types import FrameType

T = TypeVar("T")

_AGAIN = 0.05  # seconds
_START = threading.Thread.start.__code__
_SHARED = sys.version_info < (3, 12)  # a new thread's number, with the one that starts it
_looking = threading.Lock()  # who comes second must not take the first one's pause for the user's


class Interrupt:
    """Runs a function in this thread, and raises Cancelled in it for another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = 0  # that may be interrupted now
        self._wanted = False
        # It was raised, or the function has come back. No Event: who is interrupted in the
        # middle of an Event's set() leaves its lock taken, and everybody waits without end.
        self._over = False
        self._error = _telling(self._came)

    def run(self, function: Callable[[], T]) -> T:
        """Call the function; Cancelled comes out of it at once where it was wanted before."""
        with self._lock:
            self._thread = threading.get_ident()
        try:
            if self._wanted:
                raise self._error
            return function()
        finally:
            # Cancelled is raised once, so that at most the first try is cut off by it.
            try:
                self._disarm()
            except Cancelled:
                self._disarm()

    def __call__(self) -> None:
        """Have it raised. Has no effect where the function has come back."""
        self._wanted = True
        if self._thread:
            threading.Thread(target=self._insist, name="mlq-interrupt", daemon=True).start()

    def _insist(self) -> None:
        while not self._over:
            with self._lock:
                if self._thread and not _starts_another(self._thread):
                    _raise_in(self._thread, self._error)
            time.sleep(_AGAIN)

    def _came(self) -> None:
        if threading.get_ident() == self._thread:
            self._over = True

    def _disarm(self) -> None:
        with self._lock:
            self._over = True
            if self._thread:
                _raise_in(self._thread, None)  # it may be on its way still
            self._thread = 0


def _telling(came: Callable[[], None]) -> type[Cancelled]:
    """Cancelled, which tells when it is made: where it is raised."""

    class Told(Cancelled):
        def __init__(self, *_: Any) -> None:
            super().__init__("the job was told to stop")
            came()

    Told.__name__ = Told.__qualname__ = Cancelled.__name__
    Told.__module__ = Cancelled.__module__
    return Told


def _starts_another(thread: int) -> bool:
    if not _SHARED:
        return False  # no matter
    frame = _frames().get(thread)
    while frame is not None:
        if frame.f_code is _START:
            return True
        frame = frame.f_back
    return False


def _frames() -> dict[int, FrameType]:
    """Where each thread is. A collection of garbage meanwhile can stop the whole process for
    good: both want one lock of the interpreter (CPython issue 106883; seen with 3.11.7). Who
    turns the collector off in this very moment finds it on again.
    """
    with _looking:
        collects = gc.isenabled()
        gc.disable()
        try:
            return sys._current_frames()
        finally:
            if collects:
                gc.enable()


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    exception = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), exception)
