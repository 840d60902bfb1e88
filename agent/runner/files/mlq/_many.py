"""One line for many jobs: how many of them are done, run, wait and failed."""

from __future__ import annotations

import html
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _display, _words
from ._status import FINAL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._cell import Painted
    from ._job import Job

_ENOUGH = 3  # ends that were seen before what is left is guessed from them
_LINES_EVERY = 10.0  # seconds between two lines of a script, at least


class Count(NamedTuple):
    """Jobs by what they do. ``failed`` and ``cancelled`` are among ``done``."""

    of: int
    done: int = 0
    running: int = 0
    waiting: int = 0
    failed: int = 0
    cancelled: int = 0


def count(states: Iterable[str]) -> Count:
    """Count jobs by the server's words; "" waits, for all that is known."""
    found = Counter(states)
    ended = sum(found[state] for state in (*FINAL, "ended"))
    busy = found["running"] + found["leased"]
    of = sum(found.values())
    return Count(of, ended, busy, of - ended - busy, found["failed"], found["cancelled"])


def in_words(counted: Count, left: float | None) -> str:
    """As "12 of 100 done, 3 running, 85 waiting, 1 failed; about 4 min left"."""
    words = [f"{counted.done} of {counted.of} done"]
    for name in ("running", "waiting", "failed", "cancelled"):
        number = getattr(counted, name)
        if number:
            words.append(f"{number} {name}")
    text = ", ".join(words)
    return text if left is None else f"{text}; {_words.about(left)} left"


def time_left(done: int, seen: int, seconds: float, of: int) -> float | None:
    """Seconds for the rest, if ``seen`` of them ended in ``seconds``; None: too early to say."""
    if seen < _ENOUGH or seconds < 1 or done >= of:
        return None
    return (of - done) * seconds / seen


class Line:
    """Shows many jobs while somebody waits for them, in the thread that waits."""

    def __init__(self, jobs: list[Job[Any]]) -> None:
        self._states = {(job.server, job.id): job._last_state for job in jobs}
        self._title = _title(jobs)
        self._began = time.monotonic()
        self._at_first: int | None = None
        self._said, self._said_at = "", self._began
        shell = _display.notebook()
        self._painted = None
        if shell is not None:
            from ._cell import Painted

            self._painted = Painted(shell, f"mlq-{jobs[0].id}-{jobs[-1].id}")

    def note(self, job: Job[Any], state: str) -> None:
        """A job is in this state now. Called in any thread; shows nothing."""
        known = self._states.get((job.server, job.id))
        if known not in FINAL:
            self._states[job.server, job.id] = job._last_state = state

    def tick(self) -> float:
        """Show what is due. Seconds until it wants to be called again."""
        if self._painted is None:
            if time.monotonic() - self._said_at >= _LINES_EVERY:
                self._say()
            return 1.0
        if not self._painted.due_in():
            self._paint(self._painted)
        return max(self._painted.due_in(), 0.05)

    def close(self, left: str = "") -> None:
        """Show the last state, and why nobody waits any more."""
        if self._painted is not None:
            self._paint(self._painted, left)
        else:
            self._say(left)

    def _text(self, left: str = "") -> str:
        counted = count(list(self._states.values()))
        if self._at_first is None:
            self._at_first = counted.done
        seconds = time.monotonic() - self._began
        rest = time_left(counted.done, counted.done - self._at_first, seconds, counted.of)
        text = in_words(counted, None if left else rest)
        return f"{text}; {left}" if left else text

    def _paint(self, painted: Painted, left: str = "") -> None:
        text = self._text(left)
        markup = (
            f"<div style='font-family:monospace;line-height:1.4'><span style='opacity:0.7'>"
            f"{html.escape(self._title)}:</span> <b>{html.escape(text)}</b></div>"
        )
        painted.paint({"text/plain": f"{self._title}: {text}", "text/html": markup})

    def _say(self, left: str = "") -> None:
        text = self._text(left)
        self._said_at = time.monotonic()
        if text != self._said:
            self._said = text
            sys.stderr.write(f"{self._title}: {text}\n")
            sys.stderr.flush()


def _title(jobs: list[Job[Any]]) -> str:
    names = {job._name for job in jobs}
    name = f" {_words.one_line(names.pop(), 60)}" if len(names) == 1 else ""
    return f"mlq jobs {jobs[0].id}–{jobs[-1].id}{name}".rstrip()
