"""What a running job says of itself, on its way to the server: progress and log.

Both are sent a few times a second by a thread that begins with the first of them. Progress
that was overtaken is skipped; the log is sent in order, each piece named by its offset.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Callable

from ._errors import MlqError
from ._fork import renew_in_child

if TYPE_CHECKING:
    from ._held import Held
    from ._line import Line

EVERY = 0.25  # seconds between two sendings
MAX_LOG = 16 << 20  # bytes of one job: what the server keeps of one attempt, but for the note
_PIECE = 1 << 20  # bytes of one request
_PATIENCE = 5.0  # seconds for the end of a log, when its job has ended
_CUT = b"\n[mlq: the job has printed more than 16 MiB; the rest is not kept]\n"
_AWAY = (OSError, HTTPException, MlqError)

_log = logging.getLogger("mlq")


class Reports:
    """Takes what one job reports. ``send`` and ``write`` never wait for the server.

    A process that the job forks reports nothing: its words go where that process prints.
    """

    def __init__(self, line: Line, consumer: str, held: Held) -> None:
        self._line, self._held = line, held
        self._ref = {"consumer": consumer, "job": held.taken.job, "fence": held.taken.fence}
        self._progress: str | None = None  # JSON that is yet to be sent
        self._offset = 0  # how much of the log the server has
        self._printed = 0
        self._given_up = False
        self._here = True  # in the process that has the job, no copy of it
        self._begin()
        renew_in_child(self)

    def _begin(self) -> None:
        self._pending = bytearray()  # of the log
        self._ended = threading.Event()
        self._news = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def _after_fork(self) -> None:
        """Two that number the pieces of one log would overwrite each other's."""
        self._here = False
        self._begin()

    def send(self, message: dict[str, Any]) -> None:
        """Note a progress, as a job's context sends it."""
        if "progress" in message and self._here:
            with self._lock:
                self._progress = json.dumps(message["progress"])
            self._wake()

    def write(self, text: str) -> bool:
        """Add to the job's log; whether it was taken."""
        if not self._here:
            return False
        data = text.encode("utf-8", "backslashreplace")
        with self._lock:
            room = MAX_LOG - self._printed
            if room > 0:
                self._pending += data[:room]
                self._pending += _CUT if len(data) > room else b""
            self._printed += len(data)
        self._wake()
        return True

    def close(self) -> None:
        """Send what is left, for some seconds at most."""
        with self._lock:
            self._ended.set()
        if self._thread is not None:
            self._news.set()
            self._thread.join(_PATIENCE)
            self._given_up = True

    def _wake(self) -> None:
        with self._lock:
            if self._thread is None and not self._ended.is_set():
                self._thread = threading.Thread(target=self._run, name="mlq-report", daemon=True)
                self._thread.start()
        self._news.set()

    def _run(self) -> None:
        while self._held.is_ours() and not self._given_up:
            self._news.wait()
            self._news.clear()
            ended = self._ended.is_set()
            if not self._send_all():
                self._news.set()  # once more, after the pause
            elif ended:
                return
            if ended:
                time.sleep(EVERY)
            else:
                self._ended.wait(EVERY)

    def _send_all(self) -> bool:
        """Whether nothing is left that would be worth another try."""
        return all([self._is_done(self._send_progress), self._is_done(self._send_log)])

    def _is_done(self, send: Callable[[], None]) -> bool:
        try:
            send()
        except _AWAY as err:
            _log.debug("job %s: what it reports cannot be sent: %s", self._ref["job"], err)
            return _is_refusal(err)
        return True

    def _send_progress(self) -> None:
        """A lost one is sent again, unless there is a later one: nobody knows which is the last."""
        progress = self._progress
        if progress is None:
            return
        body = json.dumps({**self._ref, "progress": json.loads(progress)}).encode()
        headers = {"Content-Type": "application/json"}
        try:
            self._line.ask("POST", "/consumer/progress", body=body, headers=headers, more=_never)
        except MlqError as err:
            if not _is_refusal(err):
                raise
            _log.debug("job %s: a progress is refused: %s", self._ref["job"], err)
        with self._lock:
            if self._progress is progress:
                self._progress = None

    def _send_log(self) -> None:
        while self._pending:
            self._send_piece()

    def _send_piece(self) -> None:
        with self._lock:
            piece = bytes(self._pending[:_PIECE])
        query = {name: str(value) for name, value in self._ref.items()}
        query["offset"] = str(self._offset)
        headers = {"Content-Type": "application/octet-stream"}
        path = "/consumer/log"
        self._line.ask("PUT", path, query=query, body=piece, headers=headers, more=_never)
        self._offset += len(piece)
        with self._lock:
            del self._pending[: len(piece)]


def _is_refusal(err: Exception) -> bool:
    return isinstance(err, MlqError) and 400 <= err.status < 500 and err.status != 429


def _never(_pause: float) -> bool:
    return False
