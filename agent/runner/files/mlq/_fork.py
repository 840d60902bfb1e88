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
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from types import FrameType


class Renewed(Protocol):
    """Has threads, locks or connections."""

    def _after_fork(self) -> None:
        """Be as if just made. Nothing else runs yet in this process."""


_made: weakref.WeakSet[Renewed] = weakref.WeakSet()


def renew_in_child(one: Renewed) -> None:
    """Have ``one`` start anew in processes that are forked from now on."""
    _made.add(one)


_handlers: list[tuple[signal.Signals, Any]] = []
_handled: set[signal.Signals] = set()
_SOON = 0.01  # s
_forking = threading.local()  # blocked: the signals that this thread has blocked for its fork


def default_in_child(signum: signal.Signals, handler: object) -> None:
    """Have processes that are forked while this is the handler of the signal not handle it."""
    _handlers.append((signum, handler))
    _handled.add(signum)


def _block() -> None:
    if _handled:
        _forking.blocked = _handled - signal.pthread_sigmask(signal.SIG_BLOCK, _handled)


def _unblock() -> None:
    if _handled:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, getattr(_forking, "blocked", _handled))


def _renew() -> None:
    for signum, handler in _handlers:
        if signal.getsignal(signum) == handler:
            signal.signal(signum, signal.SIG_DFL)
    _unblock()
    for one in list(_made):
        one._after_fork()


def again_after_fork(signum: int, frame: FrameType | None) -> bool:
    """Whether a handler runs in a hook of this module: it shall do nothing, and is called again.

    What a hook of a fork raises is lost.
    """
    while frame is not None and frame.f_code not in (_block.__code__, _unblock.__code__):
        frame = frame.f_back
    if frame is None:
        return False
    again = threading.Timer(_SOON, os.kill, (os.getpid(), signum))
    again.daemon = True
    again.start()
    return True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_block, after_in_parent=_unblock, after_in_child=_renew)
