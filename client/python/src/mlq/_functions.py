"""How a function is called with a message, and what of its answer is the short result."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._context import Context


class Value(NamedTuple):
    """What a call returned, and its short form where the function gave one."""

    value: Any
    short: str | None = None


def run_all(functions: Iterable[Callable[..., Any]], msg: Any, context: Context) -> Value:
    """Call them in order with one message; what the last one returns is the result."""
    value: Any = None
    for function in functions:
        value = function(msg, context) if takes_two(function) else function(msg)
    return _take_apart(value)


def _take_apart(value: Any) -> Value:
    """A listener may return ``(short_result, result)``; only a str is a short result."""
    if type(value) in (tuple, list) and len(value) == 2 and type(value[0]) is str:
        return Value(value[1], value[0])
    return Value(value)


def wants_context(function: Callable[..., Any]) -> bool:
    """``def f(msg, ctx)`` and ``def f(msg, *args)``, but not ``def f(msg, depth=3)``."""
    parameters = _positional(function)
    return len(parameters) >= 2 and parameters[1].default is inspect.Parameter.empty


def takes_two(function: Callable[..., Any]) -> bool:
    """A listener function gets the utilities wherever it can take a second argument."""
    parameters = _positional(function)
    variable = inspect.Parameter.VAR_POSITIONAL
    return len(parameters) >= 2 or any(p.kind is variable for p in parameters)


def _positional(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters that positional arguments fill; none where that cannot be told."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    taken = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    return [p for p in parameters if p.kind in taken]
