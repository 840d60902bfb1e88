"""Take messages over HTTP, and run functions with them: one at a time, each under a lease.

The server has for this process what it has for a host: a lease for the job in hand, which
`_keeper` renews, and a fence that every request about it carries. Requests name what they
do, so that each can be sent again until its answer is there.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import uuid
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from . import _report, _work
from ._belief import now
from ._context import Context
from ._errors import MlqError, TooLarge, Unauthorized
from ._held import Held, Taken
from ._keeper import Keeper
from ._line import Line, patience
from ._reports import Reports

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from ._envelope import Buffer
    from ._work import End, Function

POLL = 5.0  # seconds that the server keeps a take; an end of the consumer waits for it
_GIVE_BACK = "give-back"
_LATER = 5.0  # seconds after a refusal that another try may not meet
_LAST = 2.0  # seconds for the last take of a consumer that ends
_NO_FUNCTION = "<none>"
_NOTHING = 0.2  # seconds after which a consumer without a function looks again
_ENDS = "the process that runs it ends"
_JSON = {"Content-Type": "application/json"}

_log = logging.getLogger("mlq")


class Place(NamedTuple):
    """Where functions run: what is particular to a process of its own, or to a thread.

    ``interrupt()`` makes what raises Cancelled, for one job: called, it raises it, and its
    ``run(function)`` is where it may. ``around(context, reports)`` is open around each job.
    ``stuck(why)`` is called by another thread when a job did not come back in its grace, and
    the server was told so.
    """

    interrupt: Callable[[], Any]
    around: Callable[[Context, Reports], AbstractContextManager[None]]
    stuck: Callable[[str], None]


class GivenBack(Exception):
    """The process is to end: its device is wanted by others; the text says by whom."""


class Consumer:
    """Takes jobs until it is closed.

    ``functions`` tells which there are now, by name; ``limit`` the most seconds that a
    job may run, whatever its own time limit.
    """

    def __init__(
        self,
        line: Line,
        functions: Callable[[], Mapping[str, Function]],
        place: Place,
        limit: Callable[[], float] = lambda: float("inf"),
    ) -> None:
        self.id = secrets.token_hex(8)
        self.jobs = 0  # that have ended here
        self._line, self._functions, self._place = line, functions, place
        self._limit = limit
        self._taking = Line(line.settings)  # of its own, to be hung up
        self._closing = threading.Event()
        self._keeper = Keeper(line, self.id)
        self._held: Held | None = None
        self._worked = now()  # when the last job ended
        self._asked = 0.0  # when the last take was sent
        self._said = ""  # of refusals

    def run(self) -> None:
        """Take jobs and run them, in this thread, until ``close``.

        Raises GivenBack, and Unauthorized where the token is none any more.
        """
        try:
            while not self._closing.is_set():
                self.step()
        finally:
            self.end()

    def step(self, wait: float = POLL) -> End | None:
        """Wait for a job, for ``wait`` seconds, and run it; how it ended."""
        if not self._functions():
            self._closing.wait(_NOTHING)
            return None
        taken = self._take(str(uuid.uuid4()), wait)
        if taken is None:
            return None
        if self._closing.is_set():
            self._release(taken)
            return None
        return self._do(taken)

    def close(self, *, at_once: bool = True) -> None:
        """Have ``run`` end soon: a job that runs is told to stop, and another takes it.

        Not ``at_once``: when the job that runs has come to its end.
        """
        self._closing.set()
        held = self._held
        if held is not None and at_once:
            held.stop("released", _ENDS)
        self._taking.hang_up()

    def end(self) -> None:
        """End what works for it, when its last ``step`` is over."""
        self._keeper.close()

    @property
    def closing(self) -> bool:
        """Whether it is to end."""
        return self._closing.is_set()

    @property
    def idle(self) -> float:
        """Seconds since the last job ended."""
        return now() - self._worked

    def _take(self, claim: str, wait: float) -> Taken | None:
        names = sorted(self._functions())
        body = {"consumer": self.id, "functions": names, "claim": claim, "wait": wait}
        body["idle"] = round(self.idle, 3)
        self._asked = now()
        try:
            answer = self._taking.ask(
                "POST",
                "/consumer/take",
                body=json.dumps(body).encode(),
                headers=_JSON,
                wait=wait,
                more=self._ask_again,
            )
            return Taken.of(answer.json()).within(self._limit()) if answer.status == 200 else None
        except MlqError as err:
            if not self._closing.is_set():
                self._refused(err)
                return None
            return self._last_take(body)

    def _last_take(self, body: Mapping[str, Any]) -> Taken | None:
        """Hung up: has the server given us a job just then? It would wait for a minute.

        The claim has it answered; the name, which is no function's, that no other is given.
        """
        body = {**body, "wait": 0, "functions": [_NO_FUNCTION]}
        last, more = json.dumps(body).encode(), patience(_LAST)
        try:
            answer = self._line.ask("POST", "/consumer/take", body=last, headers=_JSON, more=more)
            return Taken.of(answer.json()) if answer.status == 200 else None
        except MlqError as err:
            _log.debug("the last take has no answer: %s", err)
            return None

    def _ask_again(self, pause: float) -> bool:
        closing = self._closing.wait(pause)
        self._asked = now()
        return not closing

    def _refused(self, err: MlqError) -> None:
        """Go on later, but for what no later try would change."""
        if err.code == _GIVE_BACK:
            raise GivenBack(str(err)) from None
        if isinstance(err, Unauthorized):
            raise err
        if str(err) != self._said:
            _log.warning("no job can be taken: %s", err)
            self._said = str(err)
        self._closing.wait(_LATER)

    def _do(self, taken: Taken) -> End:
        interrupt = self._place.interrupt()
        held = Held(taken, self._asked, interrupt, lambda: self._overdue(held))
        reports = Reports(self._line, self.id, held)
        context = Context(_work.message_of(taken), reports, self._line)
        self._held = held
        if self._closing.is_set():  # it came in between, and has not seen this job
            held.stop("released", _ENDS)
        self._keeper.keep(held)
        try:
            with self._place.around(context, reports):
                end = _work.run(held, self._functions(), context, interrupt.run)
            reports.close()
            self._finish(held, end)
        finally:
            self._keeper.keep(None)
            self._held, self._worked = None, now()
        self.jobs += 1
        return end

    def _overdue(self, held: Held) -> None:
        """In the keeper's thread: its grace is over. The server is told, whatever becomes of us."""
        if held.stopped is not None and not held.returned:
            self._finish(held, _work.stopped(held.stopped))
            self._keeper.keep(None)
            self._place.stuck(f"job {held.taken.job} did not end in its grace: {held.stopped.why}")

    def _release(self, taken: Taken) -> None:
        held = Held(taken, now(), lambda: None, lambda: None)
        self._finish(held, _work.End("released", []))

    def _finish(self, held: Held, end: End) -> None:
        """Tell the end until the server has heard it, or the job is ours no more."""
        if end.outcome == "lost" or held.told:
            _log.warning("job %s: what it returned is not sent: its lease is over", held.taken.job)
            return
        held.told = True
        try:
            self._tell_what_fits(held, end)
        except MlqError as err:
            _log.warning("job %s: its end was not taken: %s", held.taken.job, err)

    def _tell_what_fits(self, held: Held, end: End) -> None:
        try:
            self._tell(held, end.outcome, end.parts)
        except TooLarge as err:
            text = f"the result cannot be kept: {err}"
            self._tell(held, "failed", _report.of_refusal("mlq.TooLarge", text))

    def _tell(self, held: Held, outcome: str, parts: list[Buffer]) -> None:
        query = {
            "consumer": self.id,
            "job": str(held.taken.job),
            "fence": str(held.taken.fence),
            "outcome": outcome,
        }

        def more(pause: float) -> bool:
            threading.Event().wait(pause)
            return held.is_ours()

        headers = {"Content-Type": "application/vnd.mlq.v1"}
        path = "/consumer/finish"
        self._line.ask("POST", path, query=query, body=parts, headers=headers, more=more)
