"""The version of this package, in the one place that everything reads it from."""

__version__ = "0.1.0"


def differs(other: str) -> bool:
    """Whether a version may speak another way: its first two numbers are others."""
    return other.split(".")[:2] != __version__.split(".")[:2]
