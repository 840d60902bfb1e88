"""The traceback of an error that this package raises on purpose: the user's frames alone.

The rule, here and nowhere else: what a ``raise`` of this package raises leaves its public
functions without a frame of this package, and so do its causes, and what code of the user's
raises that we call, and an interrupt. What fails otherwise in here is a mistake of ours, and
keeps every frame, as everything does with ``MLQ_TRACEBACK=full``.
"""

from __future__ import annotations

import functools
import os
import sys
import types
from opcode import opmap
from typing import TYPE_CHECKING, Any, Callable, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

F = TypeVar("F", bound="Callable[..., Any]")
C = TypeVar("C", bound=type)

_LIBRARY = os.path.dirname(os.__file__) + os.sep
_RAISE = opmap["RAISE_VARARGS"]
# Of code: CO_GENERATOR and CO_COROUTINE of inspect, without the milliseconds that it takes.
_GENERATOR, _COROUTINE = 0x20, 0x80
# Whose frames tell a user nothing: they carry what this package asks of them.
_CARRIERS = frozenset(
    {"mlq", "urllib3", "http", "socket", "ssl", "cloudpickle", "pickle", "copyreg", "contextlib"}
)


def public(fn: F) -> F:
    """Make a function one that users call: its own errors have no frame of this package."""
    if fn.__code__.co_flags & _GENERATOR:

        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            try:
                return (yield from fn(*args, **kwargs))
            except BaseException as err:
                _tidy(err, sys._getframe(1))
                raise

    elif fn.__code__.co_flags & _COROUTINE:

        @functools.wraps(fn)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            try:
                return await fn(*args, **kwargs)
            except BaseException as err:
                _tidy(err, sys._getframe(1))
                raise

    else:

        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            try:
                return fn(*args, **kwargs)
            except BaseException as err:
                _tidy(err, sys._getframe(1))
                raise  # from CPython 3.11 on without a frame of its own, since err has none

    return wrapper  # type: ignore[return-value]


def public_class(cls: C) -> C:
    """Make all public methods and properties of a class such functions."""
    for name, member in list(vars(cls).items()):
        if name.startswith("_") and name not in ("__init__", "__await__"):
            continue
        if isinstance(member, types.FunctionType):
            setattr(cls, name, public(member))
        elif isinstance(member, property) and member.fget is not None:
            setattr(cls, name, property(public(member.fget), member.fset, member.fdel))
    return cls


def _tidy(err: BaseException, caller: types.FrameType) -> None:
    """Before it is raised again, if the caller is not of this package: then that one will do it."""
    trace = err.__traceback__
    if trace is None or _is_ours(caller) or os.environ.get("MLQ_TRACEBACK") == "full":
        return
    last = list(_entries(trace))[-1]
    misfit = last is trace  # no frame was made: the user's arguments are not those of the function
    stopped = isinstance(err, KeyboardInterrupt)  # wherever in here it fell
    if misfit or stopped or _on_purpose(last) or _is_users(last.tb_frame):
        kept = _of_users(trace)
        trace.tb_next = kept  # CPython 3.9 and 3.10 raise again with this one, whatever err has
        err.__traceback__ = kept
        _tidy_chain(err)


def _on_purpose(last: types.TracebackType) -> bool:
    """Whether a raise statement of ours made it, and no operation that failed."""
    code = last.tb_frame.f_code.co_code
    return _is_ours(last.tb_frame) and code[last.tb_lasti] == _RAISE


def _is_users(frame: types.FrameType) -> bool:
    """Whether it is of code that we were given, as a generator of arguments."""
    return _package(frame) not in _CARRIERS and not frame.f_code.co_filename.startswith(_LIBRARY)


def _tidy_chain(err: BaseException) -> None:
    """Leave out causes that went through nothing but this package and what carries for it.

    An exception that the user handles meanwhile began in a frame of theirs, and stays as it is.
    """
    if _is_internal(err.__cause__):
        err.__cause__ = None
        err.__suppress_context__ = True
    if _is_internal(err.__context__):
        err.__context__ = None


def _is_internal(cause: BaseException | None) -> bool:
    """Whether it was caught by this package; what of it is the user's is kept."""
    trace = cause.__traceback__ if cause is not None else None
    if cause is None or trace is None or not _is_ours(trace.tb_frame):
        return False
    cause.__traceback__ = _of_users(trace)
    _tidy_chain(cause)
    return cause.__traceback__ is None


def _of_users(trace: types.TracebackType) -> types.TracebackType | None:
    """The traceback without the frames of this package and of what carries for it."""
    kept = None
    for entry in reversed(list(_entries(trace))):
        if _package(entry.tb_frame) not in _CARRIERS:
            kept = types.TracebackType(kept, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return kept


def _entries(trace: types.TracebackType | None) -> Iterator[types.TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _is_ours(frame: types.FrameType) -> bool:
    return _package(frame) == "mlq"


def _package(frame: types.FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
