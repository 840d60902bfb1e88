"""What happens to a job, read in a thread of its own.

So the caller's thread is free to paint, to ask why the job waits, and to be
interrupted at once, whatever the network does. The thread only reads: it
never prints and never paints.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, NamedTuple

from . import _follow
from ._deadline import Deadline

if TYPE_CHECKING:
    from ._http import Transport

_AHEAD = 64  # pieces that are read before they are shown


class _Over(NamedTuple):
    error: BaseException | None


class Feed:
    """An iterator with a timeout over ``follow``."""

    def __init__(self, transport: Transport, job: int) -> None:
        self._transport, self._job = transport, job
        self._until = Deadline(None)
        self._queue: queue.Queue[_follow.Happening | _Over] = queue.Queue(_AHEAD)
        self.over = False
        threading.Thread(target=self._read, name="mlq-follow", daemon=True).start()

    def next(self, timeout: float) -> _follow.Happening | None:
        """What happened next, or None where nothing did within ``timeout`` seconds.

        None, too, when the job has ended and all is told: then ``over`` is True.
        Raises what following raises.
        """
        try:
            item = self._queue.get(timeout=max(timeout, 0.001))
        except queue.Empty:
            return None
        if not isinstance(item, _Over):
            return item
        self.over = True
        if item.error is not None:
            raise item.error
        return None

    def close(self) -> None:
        """Let the thread end, at the latest at the server's next sign of life."""
        self._until.end()

    def _read(self) -> None:
        error: BaseException | None = None
        try:
            for happening in _follow.follow(self._transport, self._job, self._until):
                self._put(happening)
                self._until.check()
        except BaseException as err:  # noqa: BLE001 - it is raised where somebody waits
            error = err
        self._put(_Over(error))

    def _put(self, item: _follow.Happening | _Over) -> None:
        while self._until.remaining() > 0:
            try:
                return self._queue.put(item, timeout=1.0)
            except queue.Full:
                continue
        return None
