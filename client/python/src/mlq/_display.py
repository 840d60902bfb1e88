"""What a person sees while ``Job.result()`` waits: the protocol, and who shows it.

A display is told how a job is and what it prints, all in the thread that
waits, and never in another one: in a notebook what a thread prints lands in
whatever cell runs then.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ._status import Status


class Display(Protocol):
    """Shows one job. Used by one thread, in the order in which things happen."""

    def status(self, status: Status) -> None:
        """How the job is now. May be told more often than it is shown."""

    def output(self, text: str) -> None:
        """What the job printed, as it is."""

    def tick(self) -> float:
        """Paint what is due. Seconds until it wants to be called again; infinite for never."""

    def close(self) -> None:
        """Show the last state, however short the time since the one before."""

    def again(self) -> None:
        """It has ended and was shown to its end, and somebody asks for its result again."""


def notebook() -> Any | None:
    """The shell of the IPython kernel that this runs in, or None. Imports nothing."""
    get = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = get() if get is not None else None
    return shell if getattr(shell, "kernel", None) is not None else None


def for_job(job: int, server: str) -> Display:
    """The display that fits to where this program runs."""
    shell = notebook()
    if shell is None:
        from ._plain import PlainDisplay

        return PlainDisplay(job)
    from ._cell import CellDisplay

    return CellDisplay(shell, job, server)


def is_wanted() -> bool:
    """Whether anybody reads along: only the main thread waits for a person."""
    return threading.current_thread() is threading.main_thread()
