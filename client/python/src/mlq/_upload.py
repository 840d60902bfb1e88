"""Large calls on their way to the server: in pieces, told while they go."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from . import _display, _words
from ._envelope import length
from ._transfer import Meter, Transfer, in_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._envelope import Buffer

_PIECE = 1 << 20  # bytes that are handed over at once: each has a time of its own
_LINE_AFTER = 10.0  # seconds between two lines of a script
_SLOWEST = 10_000_000  # bytes per second: a disk that keeps what it got no faster is given up
_count = 0


class Upload:
    """The body of one request: iterated over anew with each try."""

    def __init__(self, parts: list[Buffer], name: str) -> None:
        self._parts = parts
        self.size = length(parts)
        self._watcher = _watcher(name, self.size) if _display.is_wanted() else None
        self.furthest = 0
        """The most bytes that a try has handed over."""

    def __iter__(self) -> Iterator[memoryview]:
        meter = Meter(self.size, self._watcher.tell if self._watcher else None)
        for part in self._parts:
            view = memoryview(part).cast("B") if memoryview(part).nbytes else memoryview(b"")
            for at in range(0, len(view), _PIECE):
                piece = view[at : at + _PIECE]
                yield piece
                meter.add(len(piece))
                self.furthest = max(self.furthest, meter.done)

    @property
    def patience(self) -> float:
        """Seconds that an answer may take after the last byte: the server syncs its disk."""
        return self.size / _SLOWEST

    def done(self) -> None:
        """All is there: no word of the way any more."""
        if self._watcher is not None:
            self._watcher.done()


class _Line:
    """For a script or terminal: a line now and then, of an upload that takes long."""

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size = name, size
        self._at = time.monotonic()

    def tell(self, transfer: Transfer) -> None:
        if time.monotonic() - self._at >= _LINE_AFTER:
            self._at = time.monotonic()
            sys.stderr.write(f"mlq {self._name}: sending its arguments: {transfer}\n")
            sys.stderr.flush()

    def done(self) -> None:
        """The lines stand."""


class _Cell:
    """For a notebook: one line of its cell that is painted over."""

    def __init__(self, name: str, size: int, shell: object) -> None:
        from ._cell import Painted

        global _count  # noqa: PLW0603
        _count += 1
        self._name, self._size = name, size
        self._painted = Painted(shell, f"mlq-upload-{_count}")
        self._begun = False

    def tell(self, transfer: Transfer) -> None:
        self._begun = True
        self._paint(f"sending its arguments: {transfer}")

    def done(self) -> None:
        if self._begun:
            self._paint(f"{in_bytes(self._size)} of arguments sent")

    def _paint(self, text: str) -> None:
        self._painted.paint({"text/plain": f"mlq {self._name}: {text}"})


def _watcher(name: str, size: int) -> _Line | _Cell:
    shell = _display.notebook()
    name = _words.one_line(name, 60)
    return _Line(name, size) if shell is None else _Cell(name, size, shell)
