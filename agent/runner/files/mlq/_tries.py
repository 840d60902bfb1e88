"""How often a request is sent, and how long after each other."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from urllib3.exceptions import NewConnectionError

from ._answers import retry_after
from ._deadline import Deadline
from ._errors import MlqError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FIRST_PAUSE = 0.05  # seconds; doubles with each try
_LONGEST_PAUSE = 2.0


class Tries:
    """The tries of one request: ``patience`` seconds of them, at most until ``deadline``."""

    def __init__(
        self,
        patience: float,
        deadline: Deadline | None,
        *,
        repeatable: bool,
        moved: Callable[[], int] | None = None,
    ) -> None:
        self._patience = patience
        self._until = Deadline(patience)
        self._moved, self._furthest = moved, 0
        self._deadline = deadline or Deadline(None)
        self._repeatable = repeatable
        self._pause = _FIRST_PAUSE

    def failed(self, error: MlqError, cause: Exception) -> None:
        """No answer: returns when it is time for the next try, or raises ``error``."""
        self._note_moved()
        never_sent = isinstance(cause, NewConnectionError)
        if not isinstance(error, Unavailable) or not (self._repeatable or never_sent):
            raise error from cause
        self._wait(error, self._pause * random.uniform(0.5, 1.5), cause)  # noqa: S311
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def refused(self, error: MlqError, headers: Mapping[str, str]) -> None:
        """The server said "later": returns when it is time, or raises ``error``."""
        self._wait(error, max(retry_after(headers), self._pause), None)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def _note_moved(self) -> None:
        """A transfer that got further than ever is worth all the patience again."""
        moved = self._moved() if self._moved is not None else 0
        if moved > self._furthest:
            self._furthest = moved
            self._until = Deadline(self._patience)
            self._pause = _FIRST_PAUSE

    def _wait(self, error: MlqError, seconds: float, cause: Exception | None) -> None:
        self._deadline.check()
        if seconds >= self._until.remaining():
            raise error from cause
        time.sleep(self._deadline.cut(seconds))
