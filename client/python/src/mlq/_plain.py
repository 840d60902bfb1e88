"""Lines for a script, a log file or a terminal: one to stderr per change of state.

A terminal gets the same lines, without repainting: the job's own output goes
to stdout in between, and a line that was painted over would be lost in it.
"""

from __future__ import annotations

import sys
import time

from . import _status
from ._status import FINAL, Status
from ._story import says_why

_QUEUED = frozenset({"queued", "scheduled"})
_PLACE_AGAIN = 60.0  # seconds after which a new place is worth another line
_MOVED_AGAIN = 10.0  # the same, of how far a result has come


class PlainDisplay:
    """Writes a line where the state is another one, and a place at most once a minute."""

    def __init__(self, job: int) -> None:
        self._said = Status(job)
        self._limit_said = False
        self._at = 0.0
        self._held: Status | None = None  # it waits, and why is not known yet

    def status(self, status: Status) -> None:
        """Say what is new."""
        self._held = None
        if status.state in _QUEUED and not status.waiting.basis and not status.left:
            self._held = status
            return
        if self._is_news(status):
            self._say(status)

    def output(self, text: str) -> None:
        """Pass it on."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def tick(self) -> float:
        """Nothing that is painted goes stale."""
        return float("inf")

    def close(self) -> None:
        """Say the last state, if it waited to be explained."""
        if self._held is not None and self._is_news(self._held):
            self._say(self._held)

    def again(self) -> None:
        """It was said."""

    def _is_news(self, status: Status) -> bool:
        said = self._said
        if status.state == "leased":  # it runs in a moment, and that says as much
            return False
        if status.state != said.state or status.left != said.left or status.away != said.away:
            return True
        if status.notice != said.notice:
            return True
        if status.moving:
            return time.monotonic() - self._at >= _MOVED_AGAIN
        if status.state not in _QUEUED or time.monotonic() - self._at < _PLACE_AGAIN:
            return False
        return status.waiting.position != said.waiting.position

    def _say(self, status: Status) -> None:
        before, self._said, self._at = self._said, status, time.monotonic()
        sys.stderr.write(f"{_status.title(status)}: {self._words(before, status)}\n")
        sys.stderr.flush()

    def _words(self, before: Status, status: Status) -> str:
        """The state where it is another one, else only what is new of the rest."""
        remarks = _status.remarks(status)
        if status.state == before.state:
            new = [text for text in remarks if text not in _status.remarks(before)]
            if new and status.waiting.position == before.waiting.position:
                return "; ".join(new)
        told = status._replace(began=None, limit="" if self._limit_said else status.limit)
        if status.state == "failed" and says_why(before.notice, status.end):  # in the line above
            told = told._replace(end="")
        words = [_status.headline(told, 0.0), *remarks]
        if told.limit and status.state not in FINAL:
            self._limit_said = True
            if status.state != "running":
                words.append(f"limit {told.limit}")
        return "; ".join(words)
