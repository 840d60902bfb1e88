"""An interrupt that cancels: a thread tells the job, and who pressed stop waits but shortly."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from ._errors import MlqError
from ._http import LONG_PATIENCE
from ._status import FINAL

if TYPE_CHECKING:
    from ._http import Transport

_SHORTLY = 0.2  # seconds that an interrupted cell waits to say what became of its job
_AGAIN = 0.03  # seconds between two looks whether the job has ended


class _Cancelling:
    """Tells the server to cancel a job, and goes on trying while nobody waits any more."""

    def __init__(self, transport: Transport, job: int) -> None:
        self._transport, self._job = transport, job
        self.ended = threading.Event()  # nothing more is to be said
        self.state = ""  # the job's, once it was told
        self.error = ""
        threading.Thread(target=self._run, name="mlq-cancel", daemon=True).start()

    def _run(self) -> None:
        until = time.monotonic() + _SHORTLY
        path = f"/jobs/{self._job}"
        try:
            told: Any = self._transport.request("DELETE", path, patience=LONG_PATIENCE).json()
            self.state = str(told.get("state", ""))
            while self.state not in FINAL and time.monotonic() < until:
                time.sleep(_AGAIN)
                self.state = str(self._transport.request("GET", path).json().get("state", ""))
        except MlqError as err:
            self.error = str(err)
        self.ended.set()


def cancel(transport: Transport, job: int) -> str:
    """Cancel a job; what became of it in a moment, in words. A second interrupt ends the wait."""
    cancelling = _Cancelling(transport, job)
    with contextlib.suppress(KeyboardInterrupt):  # the first one goes on
        cancelling.ended.wait(_SHORTLY)
    return in_words(cancelling.state, cancelling.error, f"mlq.job({job}).cancel()")


def in_words(state: str, error: str, again: str) -> str:
    """What a person has to know."""
    if error and not state:
        return f"could not be cancelled by this interrupt: {error}; {again} tries again"
    if not state:
        return f"this interrupt cancels it as soon as the server answers; {again} makes sure"
    if state == "cancelled":
        return "cancelled by this interrupt"
    return "it had ended" if state in FINAL else "told to stop by this interrupt"
