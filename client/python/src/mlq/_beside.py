"""SHA-256 beside a transfer: one core hashes what lies in memory while another one moves it."""

from __future__ import annotations

import hashlib
import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._envelope import Buffer

_FROM = 4 << 20  # bytes, below which a thread costs more than it saves
_WAITING = 32  # pieces that may wait for the hash: who gives up waits for them
_STEP = 4 << 20  # bytes between two looks whether anybody still wants the hash


class Hashing:
    """A hash of pieces in their order. They must stay as they are until ``with`` is left.

    What was hashed before is kept: a transfer that broke goes on in another ``with``.
    """

    def __init__(self, size: int) -> None:
        self._digest = hashlib.sha256()
        self._apart = size >= _FROM
        self._pieces: queue.Queue[memoryview | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Hashing:
        if self._apart:
            self._thread = threading.Thread(target=self._run, name="mlq-hash", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._pieces.put(None)
            thread.join()

    def update(self, piece: memoryview) -> None:
        """Hash this next. Returns at once unless many pieces wait."""
        if self._thread is not None:
            self._pieces.put(piece)
        else:
            self._digest.update(piece)

    def hexdigest(self) -> str:
        """Of all pieces, once ``with`` was left."""
        return self._digest.hexdigest()

    def _run(self) -> None:
        while (piece := self._pieces.get()) is not None:
            self._digest.update(piece)


class HashOf:
    """The hash of a body, computed from now on while it is sent, as often as that takes."""

    def __init__(self, parts: Iterable[Buffer]) -> None:
        self._parts = list(parts)
        self._digest = hashlib.sha256()
        self._unwanted = False
        self._thread = threading.Thread(target=self._run, name="mlq-hash", daemon=True)
        self._thread.start()

    def hexdigest(self) -> str:
        """The hash. Waits for it."""
        self._thread.join()
        return self._digest.hexdigest()

    def drop(self) -> None:
        """Nobody wants it any more."""
        self._unwanted = True

    def _run(self) -> None:
        for part in self._parts:
            view = memoryview(part).cast("B") if memoryview(part).nbytes else memoryview(b"")
            for at in range(0, len(view), _STEP):
                if self._unwanted:
                    return
                self._digest.update(view[at : at + _STEP])
