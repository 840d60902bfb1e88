"""Which function is called with what: the rules of ``submit``, before anything is sent.

A call that the function itself would refuse is refused here, as the TypeError
that it would be there, while the line that is wrong is still in view.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from typing import TYPE_CHECKING, Any, Callable

from ._request import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def split(
    fn: Callable[..., Any], keywords: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part keywords into request fields and those of the function.

    Keywords named like a request field belong to MLQ, all others to ``fn``.
    One that both claim, and one that neither knows, are TypeErrors.
    """
    signature = signature_of(fn)
    request = {name: value for name, value in keywords.items() if name in FIELDS}
    ours = {name: value for name, value in keywords.items() if name not in FIELDS}
    if signature is not None:
        _refuse_both(fn, signature, request)
        _refuse_neither(fn, signature, ours)
    return request, ours


def check(fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Bind the call to the signature, as the runner will. Raises TypeError."""
    signature = signature_of(fn)
    if signature is None:
        return
    if takes_context(signature, len(args), keywords=bool(kwargs)):
        args = (*args, None)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as err:
        raise TypeError(f"{name_of(fn)}() {err}") from None


def calls_of(iterables: Sequence[Iterable[Any]]) -> list[tuple[Any, ...]]:
    """The arguments of each call of a ``map``, as the builtin has them. Raises TypeError."""
    if not iterables:
        raise TypeError("map needs at least one iterable: mlq.map(f, values)")
    iterators = []
    for values in iterables:
        try:
            iterators.append(iter(values))
        except TypeError as err:
            raise TypeError(
                f"{err}: map takes a function and iterables, as map(f, [x, y])"
            ) from None
    return list(zip(*iterators))


def takes_context(signature: inspect.Signature, positional: int, *, keywords: bool) -> bool:
    """Whether the runner passes the context as the second argument.

    Only where exactly one positional argument was given, no keyword, and the
    second positional parameter has no default: ``def f(msg, ctx)`` and
    ``def f(msg, *args)``.
    """
    if positional != 1 or keywords:
        return False
    parameters = list(signature.parameters.values())
    if len(parameters) < 2 or parameters[0].kind not in _POSITIONAL:
        return False
    second = parameters[1]
    if second.kind is inspect.Parameter.VAR_POSITIONAL:
        return True
    return second.kind in _POSITIONAL and second.default is inspect.Parameter.empty


def check_function(fn: object) -> None:
    """Refuse what is not a function that a job can run. Raises TypeError."""
    if inspect.iscoroutine(fn):
        fn.close()  # or Python warns that it was never awaited
    if not callable(fn):
        raise TypeError(
            f"submit takes a function and its arguments, not {_article(type(fn).__name__)}: "
            "write submit(f, x), not submit(f(x))"
        )
    target = inspect.unwrap(fn)
    if inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target):
        raise TypeError(
            f"{name_of(fn)} is a generator function, and a generator cannot leave its process: "
            "submit a function that returns a list"
        )
    if inspect.iscoroutinefunction(target):
        raise TypeError(
            f"{name_of(fn)} is a coroutine function: submit one that calls "
            "asyncio.run(…) and returns the result"
        )


def _article(noun: str) -> str:
    return ("an " if noun[:1].lower() in "aeiou" else "a ") + noun


def signature_of(fn: Callable[..., Any]) -> inspect.Signature | None:
    """The signature, or None where Python cannot tell it (some builtins)."""
    try:
        return inspect.signature(fn)
    except (TypeError, ValueError):
        return None


def name_of(fn: object) -> str:
    """A function's name for people: ``train``, ``Model.fit``."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    name = getattr(fn, "__qualname__", None) or type(fn).__qualname__
    return str(name).rpartition("<locals>.")[2]


def _refuse_both(
    fn: Callable[..., Any], signature: inspect.Signature, request: Mapping[str, Any]
) -> None:
    for name in request:
        parameter = signature.parameters.get(name)
        if parameter is not None and parameter.kind in _BY_KEYWORD:
            raise TypeError(
                f"{name!r} is a parameter of {name_of(fn)}() and a request field of mlq: "
                f"mlq.options({name}=…).submit({name_of(fn)}, …) takes the field, "
                "and passes all keywords of its submit to the function"
            )


def _refuse_neither(
    fn: Callable[..., Any], signature: inspect.Signature, kwargs: Mapping[str, Any]
) -> None:
    parameters = signature.parameters.values()
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return
    known = [p.name for p in parameters if p.kind in _BY_KEYWORD]
    for name in kwargs:
        if name not in known:
            raise TypeError(
                f"{name!r} is neither a parameter of {name_of(fn)}() nor a request field of mlq"
                + nearest(name, [*known, *FIELDS])
            )


def nearest(name: str, known: Sequence[str]) -> str:
    """``"; did you mean 'timeout'?"``, or nothing."""
    found = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {found[0]!r}?" if found else ""
