"""An interrupt that cancels: a thread tells the job, and who pressed stop waits but shortly.

So does one that falls into the submission: what is queued by then is cancelled when the
answer comes.
"""

from __future__ import annotations

import atexit
import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Callable

from ._errors import MlqError, Unavailable
from ._http import LONG_PATIENCE, PATIENCE
from ._status import FINAL

if TYPE_CHECKING:
    from ._http import Transport

_SHORTLY = 0.2  # seconds that an interrupted cell waits to say what became of its job
_AT_EXIT = 2.0  # seconds that a program which ends waits for the server to be told
_AGAIN = 0.03  # seconds between two looks whether the job has ended


class _Cancelling:
    """Tells the server to cancel a job, and goes on trying while nobody waits any more."""

    def __init__(self, transport: Transport, find: Callable[[], int]) -> None:
        self._transport, self._find = transport, find
        self.ended = threading.Event()  # nothing more is to be said
        self.job = 0  # once it is known
        self.state = ""  # the job's, once it was told
        self.error: MlqError | None = None
        _under_way.add(self)
        threading.Thread(target=self._run, name="mlq-cancel", daemon=True).start()

    def _run(self) -> None:
        until = time.monotonic() + _SHORTLY
        try:
            self.job = self._find()
            path = f"/jobs/{self.job}"
            told: Any = self._transport.request("DELETE", path, patience=LONG_PATIENCE).object()
            self.state = str(told.get("state", ""))
            while self.state not in FINAL and time.monotonic() < until:
                time.sleep(_AGAIN)
                self.state = str(self._transport.request("GET", path).object().get("state", ""))
        except MlqError as err:
            self.error = err
        finally:
            self.ended.set()
            _under_way.discard(self)

    def wait(self) -> None:
        """For a moment. A second interrupt ends the wait, and the first one goes on."""
        with contextlib.suppress(KeyboardInterrupt):
            self.ended.wait(_SHORTLY)

    def in_words(self) -> str:
        """What became of a job whose id is known."""
        error = str(self.error or "")
        return in_words(self.state, error, f"mlq.job({self.job}).cancel()")


_under_way: set[_Cancelling] = set()


@atexit.register
def _tell_before_the_end() -> None:
    """The threads end with the program, which has said that its jobs will be cancelled."""
    until = time.monotonic() + _AT_EXIT
    with contextlib.suppress(KeyboardInterrupt):
        for cancelling in list(_under_way):
            cancelling.ended.wait(max(0.0, until - time.monotonic()))


class _Submission:
    """Queues a job by a thread, which takes the answer also where nobody waits for it any more."""

    def __init__(self, post: Callable[[float], int]) -> None:
        self._post = post
        self._over = threading.Event()
        self._job = 0
        self._error: Exception | None = None

    def start(self) -> None:
        """Begin. An interrupt may fall into this too."""
        threading.Thread(target=self._run, name="mlq-submit", daemon=True).start()

    def _run(self) -> None:
        try:
            self._job = self._post(PATIENCE)
        except Exception as err:  # noqa: BLE001 - it is raised where the job is waited for
            self._error = err
        self._over.set()

    def wait(self) -> int:
        """The job's id. Raises what submitting it did."""
        self._over.wait()
        if self._error is not None:
            raise self._error
        return self._job

    def find(self) -> int:
        """The same for who is to cancel it: one whose answer was lost has the key of this call."""
        try:
            return self.wait()
        except Unavailable:
            return self._post(LONG_PATIENCE)


def cancel(transport: Transport, job: int) -> str:
    """Cancel a job; what became of it in a moment, in words."""
    cancelling = _Cancelling(transport, lambda: job)
    cancelling.wait()
    cancelling.job = job
    return cancelling.in_words()


def submit(transport: Transport, name: str, post: Callable[[float], int]) -> int:
    """Queue a job that an interrupt cancels; its id.

    ``post`` does so, trying for as many seconds as it is given, and finds the same job each time.
    """
    submission = _Submission(post)
    try:
        submission.start()
        return submission.wait()
    except KeyboardInterrupt as stop:
        cancelling = _Cancelling(transport, submission.find)
        cancelling.wait()
        sys.stderr.write(f"mlq {_what_became(cancelling, name)}\n")
        raise stop.with_traceback(None) from None  # where exactly it waited helps nobody


def _what_became(cancelling: _Cancelling, name: str) -> str:
    if cancelling.job:
        return f"job {cancelling.job} {name}: {cancelling.in_words()}"
    if cancelling.error is None:
        return f"{name}: this interrupt cancels its job as soon as the server answers"
    return f"{name}: nothing was queued: {cancelling.error}"


def in_words(state: str, error: str, again: str) -> str:
    """What a person has to know."""
    if error and not state:
        return f"could not be cancelled by this interrupt: {error}; {again} tries again"
    if not state:
        return f"this interrupt cancels it as soon as the server answers; {again} makes sure"
    if state == "cancelled":
        return "cancelled by this interrupt"
    return "it had ended" if state in FINAL else "told to stop by this interrupt"
