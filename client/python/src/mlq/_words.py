"""Times and places as people say them."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """A time that runs, as coarse as it is long: "12 s", "3 min 20 s", "2 h 5 min", "3 days"."""
    whole = math.floor(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return _pair(whole // 60, "min", whole % 60 // 5 * 5, "s")
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 2 * 86400:
        return _pair(whole // 3600, "h", whole % 3600 // 60, "min")
    return f"{whole // 86400} days"


def took(seconds: float) -> str:
    """A time that is over: to the tenth of a second below a minute."""
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)


def about(seconds: float) -> str:
    """A time that nobody knows exactly, as "about 15 s": no more digits than there is cause."""
    if seconds < 1:
        return "less than 1 s"
    number, unit = _rounded(seconds)
    return f"about {number} {unit}"


def between(earliest: float, latest: float) -> str:
    """A range of such times, as "2–5 min"."""
    if latest < 1:
        return "less than 1 s"
    (low, low_unit), (high, high_unit) = _rounded(max(earliest, 1)), _rounded(latest)
    if (low, low_unit) == (high, high_unit):
        return f"{high} {high_unit}"
    return (
        f"{low}–{high} {high_unit}"
        if low_unit == high_unit
        else f"{low} {low_unit} – {high} {high_unit}"
    )


def _rounded(seconds: float) -> tuple[int, str]:
    for size, unit, most in ((1, "s", 90), (60, "min", 90), (3600, "h", 48)):
        number = seconds / size
        if number < most:
            return max(1, round(number)), unit
    return max(2, round(seconds / 86400)), "days"


def _pair(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big} {big_unit} {small} {small_unit}" if small else f"{big} {big_unit}"


def place(position: int, over: bool, of: int | None) -> str:
    """A place in a queue: "place 3 of 7"; "place > 1000" where nobody counts so far."""
    if over:
        return f"place > {position}"
    return f"place {position} of {of}" if of is not None and of >= position else f"place {position}"


def plural(number: int, noun: str) -> str:
    """As "1 job", "1,200 jobs"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def path(text: str, most: int = 120) -> str:
    """A path to something, without its middle where it is longer: ``args[0][0]…[0][0]``."""
    return text if len(text) <= most else f"{text[: most * 2 // 3]}…{text[-most // 4 :]}"


def one_line(text: str, most: int = 300) -> str:
    """A text without line breaks and control characters, cut at ``most`` characters."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text[: 2 * most]).split())
    return words if len(words) <= most else words[: most - 1] + "…"
