"""The thread that renews the lease of the job in hand, and has it stop when it must."""

from __future__ import annotations

import json
import logging
import threading
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from ._answers import problem_of, reading
from ._belief import now
from ._errors import MlqError

if TYPE_CHECKING:
    from ._held import Held
    from ._line import Line

_log = logging.getLogger("mlq")
_TRY = 1 / 20  # of the lease: 3 s of 60, for one heartbeat
_OVER = frozenset({404, 409, 410})  # the server knows this lease no more


class Keeper:
    """Renews whatever is in hand. Its thread begins with the first job and ends with ``close``."""

    def __init__(self, line: Line, consumer: str) -> None:
        self._line, self._consumer = line, consumer
        self._held: Held | None = None
        self._closed = False
        self._tried = 0.0
        self._stirred = False  # since the job in hand was looked at
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def keep(self, held: Held | None) -> None:
        """Renew the lease of that job from now on; None: of none."""
        with self._changed:
            self._held, self._tried = held, 0.0
            if held is not None:
                held.on_stop = self._look
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mlq-lease", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed, self._held = True, None
            self._changed.notify()

    def _look(self) -> None:
        """Do not wait for the next heartbeat: the grace of the job has begun."""
        with self._changed:
            self._stirred = True
            self._changed.notify()

    def _run(self) -> None:
        while not self._closed:
            with self._changed:
                held, self._stirred = self._held, False
                if held is None:
                    self._changed.wait()
                    continue
                due = held.belief.next_heartbeat(self._tried)
            again = held.judge(now())
            if now() < due:
                self._rest(held, min(due, again))
            else:
                self._heartbeat(held)

    def _rest(self, held: Held, until: float) -> None:
        with self._changed:
            if self._held is held and not self._closed and not self._stirred:
                self._changed.wait(max(0.0, until - now()))

    def _heartbeat(self, held: Held) -> None:
        since = self._tried = now()
        lease = {"job": held.taken.job, "fence": held.taken.fence}
        body = json.dumps({"consumer": self._consumer, "leases": [lease]}).encode()
        try:
            answer = self._line.send(
                "POST",
                "/consumer/renew",
                body=body,
                headers={"Content-Type": "application/json"},
                read=max(0.05, held.taken.lease * _TRY),
            )
            if answer.status < 400:
                self._renewed(held, since, answer.json())
            elif answer.status in _OVER and (error := problem_of(answer)).code:
                held.stop("lost", str(error))
        except (OSError, HTTPException, MlqError) as err:
            _log.debug("job %s: no heartbeat: %s", held.taken.job, err)

    def _renewed(self, held: Held, since: float, answer: Any) -> None:
        with reading("answer to a heartbeat"):
            stops = [
                (str(told.get("outcome") or "lost"), str(told.get("why") or ""))
                for told in answer.get("stop") or ()
                if told.get("job") == held.taken.job
            ]
        held.renew(since)
        for outcome, why in stops:
            held.stop(outcome, why)
