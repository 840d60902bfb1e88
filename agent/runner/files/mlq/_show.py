"""Shows one job while its caller waits: asks, tells the display, and is interrupted at once."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from . import _display
from ._answers import reading
from ._errors import MlqError
from ._feed import Feed
from ._follow import Output, State
from ._http import LONG_PATIENCE
from ._status import FINAL
from ._story import Story, at_first, waiting_of
from ._where import where_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._deadline import Deadline
    from ._http import Transport
    from ._transfer import Transfer

_SETTLED = 0.1  # seconds: of what passes more quickly, nothing more is asked
_OFTEN, _SELDOM = 2.0, 10.0  # seconds between two questions why it waits


class Show:
    """One job on one display, from now until it ends, or its caller stops waiting."""

    def __init__(self, transport: Transport, job: int, deadline: Deadline) -> None:
        self._transport, self._job, self._deadline = transport, job, deadline
        self._display = _display.for_job(job, transport.settings.url)
        self._story: Story | None = None
        self._told = False  # its past is read, and what it is now can be shown
        self._asked_why = self._asked_where = 0.0  # when
        self._since = time.monotonic()  # it waits, or runs, since then

    def run(self) -> None:
        """Show until the job has ended. Raises TimeoutError at the deadline."""
        story = self._story = self._begin()
        feed = Feed(self._transport, self._job)
        try:
            while not feed.over:
                self._deadline.check()
                self._next(feed, story)
        finally:
            feed.close()
            self._display.close()

    def again(self) -> None:
        """Somebody asks for the result that is here already."""
        self._display.again()

    def transfer(self, transfer: Transfer) -> None:
        """Show how far its result has come."""
        if self._story is not None:
            self._display.status(self._story.status._replace(moving=str(transfer)))
            self._display.tick()

    def arrived(self) -> None:
        """Its result is here: no word of the way any more."""
        if self._story is not None:
            self._display.status(self._story.status)
            self._display.close()

    def leave(self, left: str) -> None:
        """The caller stops waiting: what became of the job by that, or how to come back to it."""
        status = self._story.status if self._story else at_first(self._job, {})
        again = f"mlq.job({self._job}).result()"
        if status.state in FINAL:
            left = f"its result was not fetched; {again} does that"
        elif not left and self._story is None:
            left = f"nothing was heard of it yet; {again} asks again, .cancel() stops it"
        elif not left:
            left = f"goes on; {again} waits again, .cancel() stops it"
        self._display.status(status._replace(left=left))
        self._display.close()

    def _begin(self) -> Story:
        answer = self._transport.request(
            "GET", f"/jobs/{self._job}", deadline=self._deadline, patience=LONG_PATIENCE
        )
        details = answer.json()
        if not isinstance(details, dict) or details.get("id") != self._job:
            raise MlqError("the server's answer is about something else than this job")
        return Story(at_first(self._job, details), _skew(answer.headers))

    def _next(self, feed: Feed, story: Story) -> None:
        now = time.monotonic()
        pause = min(self._display.tick(), self._ask_in(story, now))
        happening = feed.next(self._deadline.cut(pause))
        now = time.monotonic()
        if happening is None:
            self._ask(story, now)
            self._tell(story)
        elif isinstance(happening, Output):
            if not self._told:  # the line stands above the output
                self._tell(story)
            self._display.output(happening.text)
        else:
            before = story.status.state
            story.tell(happening, now, time.time())
            if story.status.state != before:
                self._since, self._asked_why, self._asked_where = now, 0.0, 0.0
            if self._told or isinstance(happening, State) or story.status.state in FINAL:
                self._tell(story)

    def _tell(self, story: Story) -> None:
        self._told = True
        self._display.status(story.status)

    def _ask_in(self, story: Story, now: float) -> float:
        """Seconds until something is to be asked."""
        waits = story.status.state in ("queued", "scheduled")
        asked = self._asked_why if waits else self._asked_where
        if not asked:
            return max(0.0, self._since + _SETTLED - now)
        if not waits:
            return _SELDOM
        # Often at first, when much changes, then ever more seldom: many may wait.
        every = min(max(_OFTEN, (now - self._since) / 10), _SELDOM)
        return max(0.0, asked + every - now)

    def _ask(self, story: Story, now: float) -> None:
        """Ask what the events do not tell, where it is time."""
        if self._ask_in(story, now) > 0:
            return
        if story.status.state in ("queued", "scheduled"):
            self._asked_why = now
            self._ask_why(story)
        elif not self._asked_where:
            self._asked_where = now
            if story.status.state in ("leased", "running"):
                self._ask_where(story)

    def _ask_why(self, story: Story) -> None:
        try:
            why = self._transport.request("GET", f"/jobs/{self._job}/why").object()
            waiting = waiting_of(why)
        except MlqError:
            return  # the events tell when the server is away
        if waiting.code != "not-waiting":
            story.status = story.status._replace(waiting=waiting)

    def _ask_where(self, story: Story) -> None:
        """The numbers and models of its devices, where this user may see them."""
        try:
            details = self._transport.request("GET", f"/jobs/{self._job}").object()
            lease = details.get("lease")
            if lease:
                gpus = self._transport.request("GET", "/gpus").object()["gpus"]
                with reading("lease"):
                    where = where_in_words(str(lease["host"]), lease["devices"], gpus)
                story.status = story.status._replace(where=where)
        except MlqError:
            return


def _skew(headers: Mapping[str, Any]) -> float:
    """What the server's clock is ahead of this one's, in seconds; to a second, so 0 for less."""
    try:
        skew = parsedate_to_datetime(str(headers.get("Date"))).timestamp() + 0.5 - time.time()
    except (TypeError, ValueError):
        return 0.0
    return skew if abs(skew) > 1 else 0.0
