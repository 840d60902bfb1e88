"""How long there is still time."""

from __future__ import annotations

import time
from typing import Callable


class Deadline:
    """A point in time on the monotonic clock; ``None`` seconds means never."""

    def __init__(self, seconds: float | None) -> None:
        self._on_end: Callable[[], None] | None = None
        self._end: float | None = None if seconds is None else time.monotonic() + max(0.0, seconds)

    def remaining(self) -> float:
        """Seconds left, at least 0; infinite without a limit."""
        return float("inf") if self._end is None else max(0.0, self._end - time.monotonic())

    def cut(self, seconds: float) -> float:
        """``seconds``, or what is left if that is less."""
        return min(seconds, self.remaining())

    def check(self) -> None:
        """Raise TimeoutError once it has passed."""
        if self.remaining() <= 0:
            raise late("not finished in time; the job goes on")

    def when_ended(self, call: Callable[[], None] | None) -> None:
        """What ``end`` calls, to wake who waits in another thread; None for nothing."""
        self._on_end = call

    def end(self) -> None:
        """Let it be now, whatever it was."""
        self._end = 0.0
        call = self._on_end
        if call is not None:
            call()


def left(deadline: Deadline) -> float | None:
    """What is left as a timeout of the standard library: None for no limit."""
    seconds = deadline.remaining()
    return None if seconds == float("inf") else seconds


def late(text: str) -> TimeoutError:
    """A TimeoutError that is also that of ``concurrent.futures``, another one before 3.11."""
    from concurrent.futures import TimeoutError as OfFutures

    if issubclass(TimeoutError, OfFutures):
        return TimeoutError(text)
    both: Callable[[str], TimeoutError] = type("TimeoutError", (TimeoutError, OfFutures), {})
    return both(text)
