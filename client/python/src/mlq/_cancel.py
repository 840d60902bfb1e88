"""How a cancel reaches the code of a job.

The slot sends SIGTERM when a job is cancelled, when its time limit passes, or
when its lease cannot be renewed. The first one raises `Cancelled` in the main
thread, wherever that is; after the grace comes SIGKILL.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

from ._fork import again_after_fork, default_in_child

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Cancelled(BaseException):
    """The job is being stopped: clean up, save what is worth saving, and let it pass.

    A BaseException, as KeyboardInterrupt is, so that ``except Exception`` does
    not swallow it. What the function returns after it is thrown away.
    """


Cancelled.__module__ = "mlq"


class Stop:
    """Turns the first SIGTERM into Cancelled, but only where user code runs.

    Our own code must not be cut in two by it: a result that is being written
    is written to its end. A signal that came before is raised on entry. A process that
    the job has forked has none of this.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._armed = False
        self._pending = False
        self._raised = False

    def install(self) -> None:
        """Take SIGTERM over. Main thread only."""
        default_in_child(signal.SIGTERM, self._handle)
        signal.signal(signal.SIGTERM, self._handle)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        end_copy_by(signum, self._process)
        self._pending = True
        if again_after_fork(signum, frame):
            return
        if self._armed:
            self._raise()

    def _raise(self) -> None:
        if self._pending and not self._raised:
            self._raised = True
            raise Cancelled("the job was told to stop")

    @contextlib.contextmanager
    def armed(self) -> Iterator[None]:
        """While this is open, the signal raises."""
        self._armed = True
        try:
            self._raise()
            yield
        finally:
            self._armed = False


def end_copy_by(signum: int, process: int) -> None:
    """End this process by the signal, as if nobody handled it, unless it is ``process`` itself.

    It has our handler only where one that the job has set calls ours.
    """
    if os.getpid() != process:
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)
