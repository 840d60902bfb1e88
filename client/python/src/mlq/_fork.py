"""What a process has that was forked from one with clients: none of its threads.

``os.fork()`` copies the memory, with notes of threads that run and locks that they hold.
Who has such things starts anew in the child; what was waited for is the parent's.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Renewed(Protocol):
    """Has threads, locks or connections."""

    def _after_fork(self) -> None:
        """Be as if just made. Nothing else runs yet in this process."""


_made: weakref.WeakSet[Renewed] = weakref.WeakSet()


def renew_in_child(one: Renewed) -> None:
    """Have ``one`` start anew in processes that are forked from now on."""
    _made.add(one)


def _renew() -> None:
    for one in list(_made):
        one._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
