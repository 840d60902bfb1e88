"""A few threads for what may block, so that the thread that watches jobs never does.

They are daemons, and end when there is nothing to do: a program or a kernel that
exits waits for none of them, whatever the server is doing. The pools of the
standard library are joined at exit, after all that lies in their queues.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Callable

from ._fork import renew_in_child

_log = logging.getLogger("mlq")


class Hands:
    """Does what it is given, in order, with at most ``most`` threads."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._after_fork()
        renew_in_child(self)

    def _after_fork(self) -> None:
        """Nothing is to be done, and no thread runs."""
        self._lock = threading.Lock()
        self._todo: deque[Callable[[], object]] = deque()
        self._threads: set[threading.Thread] = set()

    def do(self, call: Callable[[], object]) -> None:
        """Have it called in one of the threads. What it raises is logged."""
        with self._lock:
            self._todo.append(call)
            if len(self._threads) >= self._most:
                return
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            thread.start()
            self._threads.add(thread)

    def is_mine(self) -> bool:
        """Whether the thread that calls this is one of them."""
        return threading.current_thread() in self._threads

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._todo:
                    self._threads.discard(threading.current_thread())
                    return
                call = self._todo.popleft()
            try:
                call()
            except BaseException:  # noqa: BLE001 - the next call is another's, SystemExit or not
                _log.exception("a call in thread %s failed", self._name)
