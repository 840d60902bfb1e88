"""One job of a consumer: its functions, and the envelope of their end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from . import _message, _outcome, _report, _trace
from ._functions import Value, run_all

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._context import Context
    from ._envelope import Buffer
    from ._held import Held, Stopped, Taken

    Function = Callable[..., Any]


class End(NamedTuple):
    """How a job ended: the outcome as the server has it, and its envelope, if it has one."""

    outcome: str
    parts: list[Buffer]
    out_of_memory: bool = False  # what is left of this process's memory nobody knows


def message_of(taken: Taken) -> dict[str, Any]:
    """The full message, as functions are given it."""
    return {**taken.full_message, "msg": _message.restore(taken.msg)}


def run(held: Held, functions: Mapping[str, Function], context: Context, call: Function) -> End:
    """Run the job's functions by ``call``, which says where Cancelled may be raised."""
    missing = [name for name in held.taken.functions if name not in functions]
    if missing:
        return End("released", [])
    chosen = [functions[name] for name in held.taken.functions]
    returned: Value | None = None
    error: BaseException | None = None
    process = os.getpid()
    try:
        returned = call(lambda: run_all(chosen, context.full_message["msg"], context))
    except BaseException as err:  # noqa: BLE001  # also Cancelled and SystemExit
        error = err
    if os.getpid() != process:
        _outcome.end_copy(error)
    told = held.came_back()
    if told is not None:
        return stopped(told)
    return _failed(error) if returned is None else _succeeded(returned)


def stopped(told: Stopped) -> End:
    """The end of a job that had to stop; what it returned after that is thrown away."""
    return End(told.outcome, [])


def _succeeded(value: Value) -> End:
    try:
        return End("succeeded", _report.of_value(value.value, value.short))
    except _report.NotSerializable as err:
        return End("failed", _report.of_refusal("mlq.NotSerializable", str(err)))


def _failed(error: BaseException | None) -> End:
    """``sys.exit()`` and ``sys.exit(0)`` are an end without a value, as elsewhere."""
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return _succeeded(Value(None))
    return End("failed", _report.of_error(error), _trace.is_out_of_memory(error))
