"""How Cancelled is raised in a function that runs in a thread of somebody's program.

Where the function is Python, it comes at the next step; a call into C (``time.sleep`` is one)
has to come back first. Only while the function runs: our own code is not cut in two by it.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Callable, TypeVar

from ._cancel import Cancelled

T = TypeVar("T")


class Interrupt:
    """Runs a function in this thread, and raises Cancelled in it for another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = 0  # that may be interrupted now
        self._wanted = False

    def run(self, function: Callable[[], T]) -> T:
        """Call the function; Cancelled comes out of it at once where it was wanted before."""
        with self._lock:
            self._thread = threading.get_ident()
        try:
            if self._wanted:
                raise Cancelled("the job was told to stop")
            return function()
        finally:
            # Cancelled is raised once, so that at most the first try is cut off by it.
            try:
                self._disarm()
            except Cancelled:
                self._disarm()

    def __call__(self) -> None:
        """Raise it. Has no effect where the function has come back."""
        with self._lock:
            self._wanted = True
            if self._thread:
                _raise_in(self._thread, Cancelled)

    def _disarm(self) -> None:
        with self._lock:
            if self._thread:
                _raise_in(self._thread, None)  # it may be on its way still
            self._thread = 0


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    exception = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), exception)
