"""What a job prints, taken from the streams of the process that it runs in.

Streams of Python: what a library in C, or a program that the job starts, writes to the
descriptors 1 and 2 goes where the process's own output goes.
"""

from __future__ import annotations

import contextlib
import sys
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
        self._stream, self._take, self._pass_on = stream, take, pass_on

    def write(self, text: str) -> int:
        """As of a stream."""
        if not self._take(text) or self._pass_on:
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """As of a stream."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def captured(take: Callable[[str], bool], *, pass_on: bool) -> Iterator[None]:
    """Have both streams captured while this is open."""
    placed = {}
    for name in _STREAMS:
        stream = getattr(sys, name)
        if stream is not None:
            placed[name] = stream, Capture(stream, take, pass_on=pass_on)
            setattr(sys, name, placed[name][1])
    try:
        yield
    finally:
        for name, (stream, ours) in placed.items():
            if getattr(sys, name) is ours:  # else somebody else has put theirs over it
                setattr(sys, name, stream)
