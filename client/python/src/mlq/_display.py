"""What a person sees while ``Job.result()`` waits.

A display is told what happens and shows it. This one writes plain lines: a
line to stderr per change of state, the job's output to stdout as it comes.
``for_job`` is the one place that chooses, so that a notebook can have its own.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Protocol

from ._follow import Notice, Output, Step

if TYPE_CHECKING:
    from ._follow import Happening


# Steps that say nothing beside the ones before or after them.
_UNTOLD = frozenset({"submitted", "leased", "attempt_succeeded", "attempt_cancelled"})


class Display(Protocol):
    """Shows one job. Called in one thread, in the order in which things happened."""

    def limit(self, text: str) -> None:
        """The job's time limit, and whose it is. Told before all else, where it has one."""

    def place(self, position: int, over: bool) -> None:
        """The job waits at this place; ``over``: at least so far behind."""

    def waited(self, seconds: float | None) -> None:
        """The job waits no more; it did for so long, where that is known."""

    def show(self, happening: Happening) -> None:
        """A step, a notice, progress or output."""

    def interrupted(self) -> None:
        """The user stopped waiting; the job goes on."""


class PlainDisplay:
    """Lines for a script, a log file or a terminal."""

    def __init__(self, job: int) -> None:
        self._job = job
        self._limit = ""

    def limit(self, text: str) -> None:
        """Keep the limit for the first line."""
        self._limit = f"; limit {text}"

    def place(self, position: int, over: bool) -> None:
        """Say the place in the queue."""
        self._line(f"queued, place {'> ' if over else ''}{position}")

    def waited(self, seconds: float | None) -> None:
        """Say that the queue lies behind it."""
        self._line("queued, and taken" if seconds is None else f"queued for {seconds:.2f} s")

    def show(self, happening: Happening) -> None:
        """Write output as it is, and a line for each step and notice."""
        if isinstance(happening, Output):
            sys.stdout.write(happening.text)
            sys.stdout.flush()
        elif isinstance(happening, Notice):
            self._line(happening.text)
        elif isinstance(happening, Step) and happening.kind not in _UNTOLD:
            text = happening.kind.replace("_", " ")
            self._line(f"{text}: {happening.text}" if happening.text else text)

    def interrupted(self) -> None:
        """Say how to come back."""
        self._line(f"goes on; mlq.job({self._job}).result() waits again, .cancel() stops it")

    def _line(self, text: str) -> None:
        sys.stderr.write(f"mlq job {self._job}: {text}{self._limit}\n")
        self._limit = ""
        sys.stderr.flush()


def for_job(job: int) -> Display:
    """The display that fits to where this program runs."""
    return PlainDisplay(job)


def is_wanted() -> bool:
    """Whether anybody reads along: only the main thread waits for a person."""
    return threading.current_thread() is threading.main_thread()
