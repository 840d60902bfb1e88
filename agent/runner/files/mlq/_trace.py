"""An exception as text: its name, and where it was raised, without frames of ours."""

from __future__ import annotations

import os
import traceback

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep

_OOM_NAMES = frozenset({"OutOfMemoryError", "ResourceExhaustedError"})
_OOM_STARTS = ("CUDA out of memory", "CUDA error: out of memory", "RESOURCE_EXHAUSTED")


def type_name(kind: type[BaseException]) -> str:
    """``ValueError``, ``torch.cuda.OutOfMemoryError``."""
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def is_out_of_memory(err: BaseException) -> bool:
    """Whether the host's or a device's memory was exhausted, as far as the exception tells."""
    if isinstance(err, MemoryError):
        return True
    if any(base.__name__ in _OOM_NAMES for base in type(err).__mro__):
        return True
    return isinstance(err, RuntimeError) and bool(err.args) and _starts_as_oom(err.args[0])


def _starts_as_oom(first: object) -> bool:
    return isinstance(first, str) and first.startswith(_OOM_STARTS)


def render(err: BaseException) -> str:
    """The traceback with file, line and source; also those of causes."""
    try:
        summary = traceback.TracebackException.from_exception(err)
        seen: set[int] = set()
        _drop_own_frames(summary, seen)
        return "".join(summary.format())
    except Exception as broken:  # noqa: BLE001  # formatting runs the exception's own code
        return f"{type_name(type(err))} (its traceback raised {type_name(type(broken))})\n"


def _drop_own_frames(summary: traceback.TracebackException | None, seen: set[int]) -> None:
    if summary is None or id(summary) in seen:
        return
    seen.add(id(summary))
    summary.stack[:] = [f for f in summary.stack if not f.filename.startswith(_PACKAGE)]
    _drop_own_frames(summary.__cause__, seen)
    _drop_own_frames(summary.__context__, seen)
    for member in getattr(summary, "exceptions", None) or ():
        _drop_own_frames(member, seen)
