"""A function of a file, for ``mlq submit examples/area.py:area '{"a": 6, "b": 7}'``."""

from __future__ import annotations


def area(msg: dict[str, float]) -> float:
    """The area of a rectangle."""
    return msg["a"] * msg["b"]
