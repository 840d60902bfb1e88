"""Where in the user's code a warning belongs."""

from __future__ import annotations

import sys


def caller() -> int:
    """The ``stacklevel``, for who calls this, of the first frame outside of this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
        level, frame = level + 1, frame.f_back
    return level
