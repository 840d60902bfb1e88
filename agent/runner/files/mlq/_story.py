"""How a job's status follows from what happens to it. Nothing here does I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._answers import reading, seconds
from ._follow import Away, Notice, Progress, State, Step
from ._limit import limit_in_words
from ._measure import Measure
from ._status import FINAL, Status, Waiting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._follow import Happening


# What is said of an attempt that ended otherwise than "was lost", "was released".
_OUTCOMES = {"failed": "failed", "timed_out": "timed out"}


@reading("job")
def at_first(job: int, details: Mapping[str, Any]) -> Status:
    """What ``GET /jobs/{id}`` says. The state comes as events, from the first one on."""
    name = str(details.get("name") or details.get("function") or "")
    status = Status(job, name, limit=limit_in_words(details))
    if details.get("position"):
        place = Waiting(int(details["position"]), bool(details.get("position_over")))
        status = status._replace(waiting=place)
    return status


@reading("answer to why")
def waiting_of(why: Mapping[str, Any]) -> Waiting:
    """What ``GET /jobs/{id}/why`` says, with the most decisive reason."""
    estimate, reasons = why.get("estimate") or {}, why.get("reasons") or [{}]
    return Waiting(
        position=int(why.get("position") or 0) or None,
        over=bool(why.get("position_over")),
        of=int(why.get("of") or 0) or None,
        earliest=_seconds(estimate.get("earliest_s")),
        latest=_seconds(estimate.get("latest_s")),
        basis=str(estimate.get("basis") or ""),
        reason=str(reasons[0].get("text") or ""),
        code=str(reasons[0].get("code") or ""),
    )


def _seconds(told: Any) -> float | None:
    return None if told is None else seconds(told)


class Story:
    """Keeps the status of one job. ``began`` is Unix time on the server's clock."""

    def __init__(self, status: Status, skew: float) -> None:
        self.status = status
        self._skew = skew  # what the server's clock is ahead of this machine's, in seconds
        self._began = 0.0
        self._submitted = 0.0

    def tell(self, happening: Happening, now: float, wall: float) -> None:
        """Take in what happened. ``now`` is monotonic, ``wall`` this machine's Unix time."""
        status = self.status._replace(away=isinstance(happening, Away))
        if isinstance(happening, Step):
            status = self._step(status, happening, now, wall)
        elif isinstance(happening, State):
            status = self._state(status, happening.state)
        elif isinstance(happening, Notice):
            status = status._replace(notice=happening.text)
        elif isinstance(happening, Progress):
            status = status._replace(measure=status.measure.then(happening.value, now))
        self.status = status

    def _state(self, status: Status, state: str) -> Status:
        if state == status.state or status.state in FINAL:
            return status
        if state in ("queued", "scheduled"):  # it waits again
            status = status._replace(where="", began=None, measure=Measure(), waiting=Waiting())
        return status._replace(state=state)

    def _step(self, status: Status, step: Step, now: float, wall: float) -> Status:
        if step.kind == "submitted":
            self._submitted = step.at
            return self._state(status, step.state) if not status.state else status
        if step.kind == "leased":
            return self._leased(status, step)
        if step.kind == "running":
            self._began = step.at
            age = max(0.0, wall + self._skew - step.at) if step.at else 0.0
            status = status._replace(state="running", began=now - age, measure=Measure())
            return status._replace(where=status.where or _host(step.text))
        if step.kind.startswith("attempt_"):
            return self._attempt(status, step)
        if step.kind in FINAL:
            return self._end(status, step)
        return status

    def _leased(self, status: Status, step: Step) -> Status:
        waited = max(0.0, step.at - self._submitted) if self._submitted and step.at else None
        status = status._replace(queued_for=waited, notice="", waiting=Waiting())
        return status._replace(state="leased", where=_host(step.text))

    def _attempt(self, status: Status, step: Step) -> Status:
        if step.kind in ("attempt_succeeded", "attempt_cancelled"):
            return status
        outcome = step.kind[len("attempt_") :]
        text = f"attempt {step.attempt} {_OUTCOMES.get(outcome, f'was {outcome}')}"
        return status._replace(notice=f"{text}: {step.text}" if step.text else text)

    def _end(self, status: Status, step: Step) -> Status:
        took = max(0.0, step.at - self._began) if self._began and step.at else None
        end = step.text
        for prefix in ("error: ", "cancelled "):
            end = end[len(prefix) :] if end.startswith(prefix) else end
        if not end or says_why(status.notice, end):
            status = status._replace(notice="")
        return status._replace(state=step.kind, took=took, end=end, waiting=Waiting())


def says_why(notice: str, end: str) -> bool:
    """Whether what is told of the last attempt says how the job ended.

    The attempt's "died of SIGSEGV" is the job's "killed: died of SIGSEGV".
    """
    return bool(end) and notice.endswith((end, end.partition(": ")[2] or end))


def _host(text: str) -> str:
    """The host that an event names with "on lab-1"."""
    return text[3:] if text.startswith("on ") else text
