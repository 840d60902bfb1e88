"""The rq peer: one function that its worker imports."""

from __future__ import annotations

import time


def stamp() -> int:
    """Return the time at which the function began."""
    return time.monotonic_ns()
