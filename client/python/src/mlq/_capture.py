"""What a job prints, taken from the streams of the process that it runs in.

Streams of Python: what a library in C, or a program that the job starts, writes to the
descriptors 1 and 2 goes where the process's own output goes.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any, Callable, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_STREAMS = ("stdout", "stderr")


class Capture:
    """Stands in for a stream, and tells what is written to it.

    ``take`` gets each text and says whether it belongs to a job; ``pass_on`` also
    writes those to the stream itself.
    """

    def __init__(self, stream: TextIO, take: Callable[[str], bool], *, pass_on: bool) -> None:
        self.stream, self._take, self._pass_on = stream, take, pass_on
        self.is_over = False

    def end(self) -> None:
        """Take nothing any more, wherever it still stands."""
        self.is_over, self._take = True, _nothing

    def write(self, text: str) -> int:
        """As of a stream."""
        if not self._take(text) or self._pass_on:
            self.stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """As of a stream."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _nothing(_text: str) -> bool:
    return False


_placing = threading.Lock()  # two threads that capture at once would lose one of them


@contextlib.contextmanager
def captured(take: Callable[[str], bool], *, pass_on: bool) -> Iterator[None]:
    """Have both streams captured while this is open.

    Others may be open meanwhile, in other threads, and end sooner or later than this one.
    """
    ours = []
    with _placing:
        for name in _STREAMS:
            stream = getattr(sys, name)
            if stream is not None:
                ours.append(Capture(stream, take, pass_on=pass_on))
                setattr(sys, name, ours[-1])
    try:
        yield
    finally:
        with _placing:
            for capture in ours:
                capture.end()
            for name in _STREAMS:
                setattr(sys, name, _uncaptured(getattr(sys, name)))


def _uncaptured(stream: Any) -> Any:
    """The stream below those that are over; what others have put over them stays."""
    while isinstance(stream, Capture) and stream.is_over:
        stream = stream.stream
    return stream
