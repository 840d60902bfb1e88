"""What a process has that was forked from one with clients: none of its threads and handlers.

``os.fork()`` copies the memory, with notes of threads that run and locks that they hold.
Who has such things starts anew in the child; what was waited for is the parent's.

It copies handlers of signals, too. A pool ends the workers that it forked by SIGTERM and then waits
for them. A handler in Python runs when the interpreter comes to it: never in a worker that was
about to wait for a lock, and the pool waits for ever. So children are ended by the kernel, as
without MLQ. From before the fork until then the signal is blocked: between, it would be lost.
"""

from __future__ import annotations

import os
import signal
import threading
import weakref
from typing import Any, Protocol


class Renewed(Protocol):
    """Has threads, locks or connections."""

    def _after_fork(self) -> None:
        """Be as if just made. Nothing else runs yet in this process."""


_made: weakref.WeakSet[Renewed] = weakref.WeakSet()


def renew_in_child(one: Renewed) -> None:
    """Have ``one`` start anew in processes that are forked from now on."""
    _made.add(one)


_handlers: list[tuple[signal.Signals, Any]] = []
_forking = threading.local()  # mask: of the signals that this thread has blocked otherwise


def default_in_child(signum: signal.Signals, handler: object) -> None:
    """Have processes that are forked while this is the handler of the signal not handle it."""
    _handlers.append((signum, handler))


def _block() -> None:
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signum for signum, _ in _handlers])


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)


def _renew() -> None:
    for signum, handler in _handlers:
        if signal.getsignal(signum) == handler:
            signal.signal(signum, signal.SIG_DFL)
    _unblock()
    for one in list(_made):
        one._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_block, after_in_parent=_unblock, after_in_child=_renew)
