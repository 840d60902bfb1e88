"""How far a large transfer is, in words, for whoever watches."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from . import _words

if TYPE_CHECKING:
    from collections.abc import Callable

_EVERY = 0.25  # seconds between two reports
_FIRST = 0.5  # seconds before the first: most are over by then


class Transfer(NamedTuple):
    """Bytes on their way. Times are monotonic seconds."""

    done: int
    size: int
    began: float
    now: float
    begun_at: int = 0
    """Bytes that were there when it began, of one that goes on after a break."""

    @property
    def rate(self) -> float:
        """Bytes per second since it began, or began again."""
        return (self.done - self.begun_at) / max(self.now - self.began, 1e-9)

    def __str__(self) -> str:
        text = f"{100 * self.done // max(self.size, 1)} % of {in_bytes(self.size)}"
        if self.rate <= 0 or self.done >= self.size:
            return text
        left = (self.size - self.done) / self.rate
        return f"{text}, {in_bytes(self.rate)}/s, {_words.about(left)} left"


class Meter:
    """Counts a transfer and tells of it, not too often. ``tell`` may raise to end it."""

    def __init__(self, size: int, tell: Callable[[Transfer], None] | None) -> None:
        self._size, self._tell = size, tell
        self.done = 0
        self._begun_at, self._began = 0, time.monotonic()
        self._next = self._began + _FIRST

    def begin(self, done: int) -> None:
        """It begins, or goes on, with so many bytes there."""
        self.done = self._begun_at = done
        self._began = time.monotonic()

    def add(self, count: int) -> None:
        """So many bytes more."""
        self.done += count
        now = time.monotonic()
        if self._tell is not None and now >= self._next:
            self._next = now + _EVERY
            self._tell(Transfer(self.done, self._size, self._began, now, self._begun_at))


def in_bytes(count: float) -> str:
    """As "3.2 GB", "210 MB": decimal, as disks and networks have it."""
    units = iter(("bytes", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while count >= 1000 and unit != "TB":
        count, unit = count / 1000, next(units)
    if unit == "bytes":
        return f"{count:.0f} {unit}"
    return f"{count:.1f} {unit}" if count < 10 else f"{count:.0f} {unit}"
