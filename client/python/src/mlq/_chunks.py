"""Several calls of a function in one job: what ``Executor.map`` does with a ``chunksize``."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from ._binding import calls_of, check, check_function, name_of, signature_of, takes_context

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Call = tuple[Any, ...]

R = TypeVar("R")


def of(
    fn: Callable[..., R], iterables: tuple[Iterable[Any], ...], size: int
) -> tuple[Callable[[list[Call]], list[R]], list[list[Call]]]:
    """What a job calls, and with what: lists of ``size`` calls of ``fn``, the last one shorter.

    Raises ValueError for a size below 1, and what ``mlq.map`` does.
    """
    if size < 1:
        raise ValueError("chunksize must be at least 1")
    check_function(fn)
    calls = calls_of(iterables)
    if calls:
        check(fn, calls[0], {})
    return _each(fn, len(iterables)), [calls[n : n + size] for n in range(0, len(calls), size)]


def joined(lists: Iterator[list[R]]) -> Iterator[R]:
    """Their elements. As ``itertools.chain``, but closes the iterator when it is closed."""
    try:
        yield from itertools.chain.from_iterable(lists)
    finally:
        lists.close()  # type: ignore[attr-defined]  # it is a generator


def _each(fn: Callable[..., R], positional: int) -> Callable[[list[Call]], list[R]]:
    """Calls ``fn`` with each of a list of arguments. Local, so that its code travels by value."""
    signature = signature_of(fn)
    wants = signature is not None and takes_context(signature, positional, keywords=False)

    def each(calls: list[Call]) -> list[R]:
        context: Call = ()
        if wants:
            import mlq

            context = (mlq.context(),)
        return [fn(*args, *context) for args in calls]

    each.__name__ = each.__qualname__ = name_of(fn)
    return each
