"""How far a job is, made of what it reports: a bar, a rate, and the time that is left.

A report is a number of percent, ``{"done": n, "total": m}``, or any other
value, which is shown as it is. The page of the server reads them alike.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

_BAR = 10  # characters
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_MAX_WORDS = 120  # characters of a report that is no measure
_FIRST = 1.0  # seconds of watching before a rate is worth saying


class Measure(NamedTuple):
    """The last report, and what was seen of those before it. Times are monotonic seconds."""

    value: Any = None
    at: float = 0.0
    from_done: float = 0.0
    from_at: float = 0.0

    def then(self, value: Any, now: float) -> Measure:
        """The measure after another report. One that goes back begins anew."""
        done, before = _done(value), _done(self.value)
        if done is None or before is None or done < before or _total(value) != _total(self.value):
            return Measure(value, now, done or 0.0, now)
        return self._replace(value=value, at=now)

    @property
    def fraction(self) -> float | None:
        """From 0 to 1; None where it did not say."""
        done, total = _done(self.value), _total(self.value)
        return min(done / total, 1.0) if done is not None and total else None

    @property
    def rate(self) -> float:
        """What is done in a second, as far as it was seen; 0 where that is not known."""
        seen, done = self.at - self.from_at, (_done(self.value) or 0.0) - self.from_done
        return done / seen if seen >= _FIRST and done > 0 else 0.0

    def left(self, now: float) -> float | None:
        """Seconds to the end at this rate, or None."""
        done, total = _done(self.value), _total(self.value)
        if done is None or not total or not self.rate:
            return None
        return max(0.0, (total - done) / self.rate - (now - self.at))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        return None
    return min(float(value), 1e18)


def _done(value: Any) -> float | None:
    return _number(value.get("done")) if isinstance(value, dict) else _number(value)


def _total(value: Any) -> float | None:
    return _number(value.get("total")) if isinstance(value, dict) else 100.0


def bar(fraction: float) -> str:
    """As ▕███▋      ▏."""
    eighths = round(min(max(fraction, 0.0), 1.0) * _BAR * 8)
    full, part = divmod(eighths, 8)
    text = "█" * full + (_EIGHTHS[part] if part else "")
    return f"▕{text:<{_BAR}}▏"


def report_in_words(value: Any) -> str:
    """What the job reported, as "40 %", "4 of 10" or its own text; "" where it reported nothing."""
    if value is None:
        return ""
    if isinstance(value, dict) and _done(value) is not None:
        total = _total(value)
        return f"{_plain(_done(value))} of {_plain(total)}" if total else f"{_plain(_done(value))}"
    if _number(value) is not None:
        return f"{_plain(_number(value))} %"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    words = "".join(c if c.isprintable() else " " for c in text[: 2 * _MAX_WORDS])
    words = " ".join(words.split())
    return words if len(words) <= _MAX_WORDS else words[: _MAX_WORDS - 1] + "…"


def _plain(number: float | None) -> str:
    if number is None:
        return "?"
    return f"{number:.0f}" if number == round(number) else f"{number:.3g}"


def rate_in_words(rate: float) -> str:
    """As "3.2 a second", or "1.4 s each" where one takes longer; "" for 0."""
    if rate <= 0:
        return ""
    return f"{rate:.3g} a second" if rate >= 1 else f"{1 / rate:.3g} s each"
