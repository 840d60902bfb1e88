"""A job in a notebook: one line that is painted over in its own cell, and the output below it.

No widgets, no scripts, nothing that is cleared. The line is one display with an
id, so every front end paints it where it was first shown. It is published by
the thread that waits, at most four times a second, and always with the last state.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from . import _status
from ._status import FINAL, Status
from ._tail import Head, Tail

_EVERY = 0.25  # seconds between two paintings
_CLOCK = 1.0  # seconds after which a time that runs is painted again

_shown: dict[str, str] = {}  # the server of each display id in this kernel


class Painted:
    """One display of a cell that is painted over."""

    def __init__(self, shell: Any, display_id: str) -> None:
        self._shell, self._id = shell, display_id
        self._last: dict[str, str] | None = None
        self._at = -_EVERY

    def due_in(self) -> float:
        """Seconds until it may be painted again."""
        return max(0.0, self._at + _EVERY - time.monotonic())

    def paint(self, data: dict[str, str]) -> None:
        """Show this in place of what was shown, if it is something else."""
        if data == self._last:
            return
        update = self._last is not None
        self._last, self._at = data, time.monotonic()
        publisher = self._shell.display_pub  # %%capture puts its own there for a while
        publisher.publish(data=data, metadata={}, transient={"display_id": self._id}, update=update)


class CellDisplay:
    """The status line, the head of the output, and its rolling end."""

    def __init__(self, shell: Any, job: int, server: str) -> None:
        self._job, self._shell = job, shell
        self._cell = shell.execution_count  # the last one that shows it
        self._id = _id_of(job, server)
        self._line, self._tail_line = Painted(shell, self._id), Painted(shell, f"{self._id}-tail")
        self._status = Status(job)
        self._head, self._tail = Head(), Tail()
        self._told = self._stale = self._tail_stale = False
        # %%capture keeps all that it gets, and nobody watches.
        self._captured = isinstance(getattr(shell.display_pub, "outputs", None), list)

    def status(self, status: Status) -> None:
        """Paint it, or note that it is to be painted."""
        self._told = True
        self._stale = self._stale or status != self._status
        self._status = status
        if self._captured:
            return
        if status.state in FINAL or not self._line.due_in():
            self._paint()

    def output(self, text: str) -> None:
        """Write the head as it is, in one piece, and let the rest roll."""
        head, rest = (text, "") if self._captured else self._head.split(text)
        if head:
            sys.stdout.write(head)
            sys.stdout.flush()
        if rest:
            self._tail.put(rest)
            self._tail_stale = True

    def tick(self) -> float:
        """Paint what is due, once something was told."""
        if self._captured or not self._told:
            return float("inf")
        if not self._line.due_in():
            self._paint()
        if self._tail_stale and not self._tail_line.due_in():
            self._paint_tail()
        waits = [self._line.due_in() if self._stale else _CLOCK]
        if self._tail_stale:
            waits.append(self._tail_line.due_in())
        return min(waits)

    def close(self) -> None:
        """Paint the last state."""
        if self._told:
            self._paint()
        if self._tail_stale:
            self._paint_tail()

    def again(self) -> None:
        """Show how it ended in another cell too, once."""
        if self._shell.execution_count != self._cell:
            self._cell = self._shell.execution_count
            self._shell.display_pub.publish(data=self._data(), metadata={})

    def _paint(self) -> None:
        self._stale = False
        self._line.paint(self._data())

    def _data(self) -> dict[str, str]:
        now = time.monotonic()
        text, markup = _status.as_text(self._status, now), _status.as_html(self._status, now)
        return {"text/plain": text, "text/html": markup}

    def _paint_tail(self) -> None:
        self._tail_stale = False
        self._tail_line.paint({"text/plain": self._tail.text(f"mlq.job({self._job}).logs()")})


def _id_of(job: int, server: str) -> str:
    """The display's id: the job's, and more where another server's job of that number has it."""
    name, n = f"mlq-{job}", 1
    while _shown.setdefault(name, server) != server:
        n += 1
        name = f"mlq-{job}-{n}"
    return name
