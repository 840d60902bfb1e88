"""One job in one line, for people: a state in, a text or HTML out. Nothing here does I/O."""

from __future__ import annotations

import html
from typing import NamedTuple

from . import _words
from ._measure import Measure, bar, rate_in_words, report_in_words

FINAL = frozenset({"succeeded", "failed", "cancelled"})


class Waiting(NamedTuple):
    """Where a job stands in its queue, and why. ``earliest`` and ``latest``: seconds from then."""

    position: int | None = None
    over: bool = False
    of: int | None = None
    earliest: float | None = None
    latest: float | None = None
    basis: str = ""
    reason: str = ""
    code: str = ""


class Status(NamedTuple):
    """All that is known of a job. Times are seconds of one monotonic clock."""

    job: int
    name: str = ""
    state: str = ""
    """The server's word, "" before its first answer."""
    waiting: Waiting = Waiting()
    where: str = ""
    limit: str = ""
    began: float | None = None
    """When its function began to run."""
    queued_for: float | None = None
    """Seconds that it waited before its last attempt."""
    took: float | None = None
    """Seconds that the last attempt ran, of a job that has ended."""
    measure: Measure = Measure()
    notice: str = ""
    """What its user has to know: who stops it, that it was lost and waits again."""
    end: str = ""
    """How it ended, where the state does not say all."""
    away: bool = False
    """The server does not answer; it is asked again."""
    moving: str = ""
    """How far its result has come, where that takes long."""
    left: str = ""
    """Why nobody waits for it any more, and how to come back."""


def title(status: Status) -> str:
    """The job by number and name."""
    name = _words.one_line(status.name, 60)
    return f"mlq job {status.job} {name}" if name else f"mlq job {status.job}"


def headline(status: Status, now: float) -> str:
    """The state, and what belongs to it."""
    return _words.one_line(_headline(status, now))


def _headline(status: Status, now: float) -> str:
    if status.state in FINAL:
        return _ended(status)
    if status.state == "running":
        return _running(status, now)
    if status.state == "leased":
        return f"starting on {status.where}" if status.where else "starting"
    if status.state == "queued":
        return _queued(status.waiting)
    return status.state or "submitted"


def _queued(waiting: Waiting) -> str:
    words = ["queued"]
    if waiting.position:
        words.append(_words.place(waiting.position, waiting.over, waiting.of))
    if waiting.latest is not None:
        words.append(_starts(waiting.earliest or 0.0, waiting.latest))
    return ", ".join(words)


def _starts(earliest: float, latest: float) -> str:
    return "starts at once" if latest < 1 else f"starts in about {_words.between(earliest, latest)}"


def _running(status: Status, now: float) -> str:
    text = f"running on {status.where}" if status.where else "running"
    if status.began is not None:
        text += f" for {_words.duration(now - status.began)}"
    elif status.queued_for is not None:
        text += f", queued for {_words.took(status.queued_for)}"
    return f"{text}, limit {status.limit}" if status.limit else text


def _ended(status: Status) -> str:
    text = status.state
    if status.took is not None:
        text += f" {'in' if status.state == 'succeeded' else 'after'} {_words.took(status.took)}"
    if status.where and status.took is not None:
        text += f" on {status.where}"
    if not status.end:
        return text
    return f"{text} {status.end}" if status.end.startswith("by ") else f"{text} ({status.end})"


def progress(status: Status, now: float) -> str:
    """The bar with its numbers; "" where nothing was reported."""
    measure = status.measure
    if status.state != "running" or not (words := report_in_words(measure.value)):
        return ""
    if measure.fraction is None:
        return words
    share = f"{100 * measure.fraction:.0f} %"
    more = [words] if words != share else []
    if rate := rate_in_words(measure.rate if isinstance(measure.value, dict) else 0.0):
        more.append(rate)
    left = measure.left(now)
    if left is not None and measure.fraction < 1:
        more.append(f"{_words.about(left)} left")
    return f"{bar(measure.fraction)} {share}" + (f" ({', '.join(more)})" if more else "")


def remarks(status: Status) -> list[str]:
    """What else is worth knowing, in order: why it waits, who stops it, who stopped waiting."""
    found = [status.notice, status.left]
    if status.state in ("queued", "scheduled"):
        found.insert(0, status.waiting.reason)
    if status.moving:
        found.append(f"fetching the result: {status.moving}")
    if status.away:
        found.append("the server does not answer; asking again")
    return [_words.one_line(text) for text in found if text]


def basis(status: Status) -> str:
    """What the estimate rests on, or why there is none; "" where it waits for no device."""
    text = status.waiting.basis if status.state == "queued" else ""
    if text.startswith("unknown: "):
        return "no estimate: " + _words.one_line(text[9:])
    return "estimate from " + _words.one_line(text) if text else ""


def line(status: Status, now: float) -> str:
    """All of it as one line of text."""
    first = f"{title(status)}: {headline(status, now)}"
    measured = progress(status, now)
    first = f"{first} {measured}" if measured else first
    return "; ".join([first, *remarks(status)])


def as_text(status: Status, now: float) -> str:
    """The line, and below it what the estimate rests on."""
    below = basis(status)
    return line(status, now) + (f"\n  {below}" if below else "")


_MARKS = {"succeeded": "✓", "failed": "✗", "cancelled": "✗", "running": "▶", "leased": "▶"}


def as_html(status: Status, now: float) -> str:
    """The same as HTML that reads in dark and light: no colours, no script, no style sheet."""
    mark = _MARKS.get(status.state, "…")
    escape = html.escape
    first = (
        f"<span style='opacity:0.7'>{mark} {escape(title(status))}:</span> "
        f"<b>{escape(headline(status, now))}</b>"
    )
    measured = progress(status, now)
    if measured:
        first += f" <span style='white-space:pre'>{escape(measured)}</span>"
    rows = [*remarks(status), *filter(None, [basis(status)])]
    below = "".join(f"<div style='opacity:0.7'>{escape(row)}</div>" for row in rows)
    return f"<div style='font-family:monospace;line-height:1.4'>{first}{below}</div>"
