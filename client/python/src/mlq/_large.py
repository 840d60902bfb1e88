"""Arguments that are larger than should travel, found without copying them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._dump import measure

if TYPE_CHECKING:
    from collections.abc import Iterator

WARN_ARGUMENTS = 256 << 20  # bytes of one call's arguments
_MIB = 1 << 20
_NAMED = 5  # arguments


def advice(function: str, size: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Words about a call whose arguments have so many bytes, with the large ones first."""
    sizes = sorted(((measure(value), name) for name, value in _named(args, kwargs)), reverse=True)
    large = [f"{name} {_mib(n)}" for n, name in sizes[:_NAMED] if n >= _MIB]
    which = f": {', '.join(large)}" if large else ""
    return (
        f"{function} is sent {_mib(size)} of arguments{which}. It works, and each job takes the "
        "time and the disk to move them. Leave data of this size on the host and pass its path: "
        'with workdir="/path", or labels={"data": …} for a host that has it (docs/data.md)'
    )


def _named(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for n, value in enumerate(args, 1):
        yield f"argument {n}", value
    for name, value in kwargs.items():
        yield repr(name), value


def _mib(size: int) -> str:
    return f"{size / _MIB:.0f} MiB"
