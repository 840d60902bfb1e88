"""Who is to blame: the variable that is too large, the path to what cannot be pickled.

Looked for only after something went wrong, so it may take its time, within
bounds.
"""

from __future__ import annotations

import io
import types
from itertools import islice
from typing import TYPE_CHECKING, Any

import cloudpickle

from ._pickler import Pickler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST_STEPS = 2000
_MOST_NAMED = 3
_MOST_STEPS_DOWN, _MOST_PARTS = 8, 200  # into what is large


def largest_captured(fn: Callable[..., Any]) -> str:
    """The largest variables that a function captures: ``data (40.0 MiB), cache (1.2 MiB)``."""
    sizes = sorted(
        ((_size(value), name) for name, value in captured(fn)), key=lambda pair: -pair[0]
    )
    values = dict(captured(fn))
    named = [
        f"{_innermost(name, values[name], size)} ({size / (1 << 20):.1f} MiB)"
        for size, name in sizes[:_MOST_NAMED]
        if size
    ]
    return ", ".join(named) or "in its own code"


def _innermost(path: str, value: object, size: int) -> str:
    """Descend to what makes up nearly all of a variable: ``global 'Config'.TABLE``."""
    for _ in range(_MOST_STEPS_DOWN):
        for name, part in islice(_parts(value, path), _MOST_PARTS):
            if part is not value and _size(part) > size * 0.9:
                path, value = name, part
                break
        else:
            break
    return path


def captured(fn: object) -> Iterator[tuple[str, Any]]:
    """What a function brings along: closure, globals that its code names, defaults."""
    if isinstance(fn, types.MethodType):
        yield "self", fn.__self__
        fn = fn.__func__
    if not isinstance(fn, types.FunctionType):
        yield from _parts(fn, "")
        return
    if fn.__closure__:
        for name, cell in zip(fn.__code__.co_freevars, fn.__closure__):
            try:
                yield f"variable {name!r}", cell.cell_contents
            except ValueError:
                continue  # not assigned yet
    for name in sorted(_global_names(fn.__code__)):
        if name in fn.__globals__:
            yield f"global {name!r}", fn.__globals__[name]
    for index, value in enumerate(fn.__defaults__ or ()):
        yield f"default {index}", value
    for name, value in (fn.__kwdefaults__ or {}).items():
        yield f"default {name!r}", value


def _global_names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _global_names(constant)
    return names


class _Counter(io.RawIOBase):
    """Counts what is written and keeps nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        written = memoryview(data).nbytes
        self.size += written
        return written


def _size(value: object) -> int:
    counter = _Counter()
    try:
        cloudpickle.CloudPickler(counter, protocol=5).dump(value)
    except Exception:  # noqa: BLE001 - it has another fault; its size so far will do
        return counter.size
    return counter.size


def path_to_unpicklable(root: object, label: str) -> tuple[str, object]:
    """Descend to the innermost part that cannot be pickled: ``args[0]['model'].lock``."""
    path, value = label, root
    steps = 0
    seen: set[int] = set()
    while True:
        seen.add(id(value))
        for name, part in _parts(value, path):
            steps += 1
            if steps > _MOST_STEPS:
                return path, value
            if id(part) not in seen and not _can_pickle(part):
                path, value = name, part
                break
        else:
            return path, value


def hint(culprit: object) -> str:
    """What to send instead of it, where that is known."""
    name = f"{type(culprit).__module__}.{type(culprit).__qualname__}".lower()
    if isinstance(culprit, (types.GeneratorType, types.AsyncGeneratorType)):
        return "A generator stays in its process: send list(…) of it"
    if isinstance(culprit, io.IOBase):
        return "Send its path, or what is in it: f.read()"
    if any(word in name for word in ("connection", "cursor", "socket", "session", "client")):
        return "A connection stays in its process: open it within the function"
    if "lock" in name or "thread" in name:
        return "It belongs to this process: make it within the function"
    return ""


def _parts(value: object, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():  # the root of a call is {"args": …, "kwargs": …}
            yield (f"{path}[{key!r}]" if path else str(key)), part
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            yield f"{path}[{index}]", part
    elif isinstance(value, (types.FunctionType, types.MethodType)):
        for name, part in captured(value):
            yield f"{path} → {name}", part
    else:
        for name, part in getattr(value, "__dict__", {}).items():
            yield f"{path}.{name}", part


def _can_pickle(value: object) -> bool:
    try:
        Pickler(_Counter(), buffer_callback=_out_of_band).dump(value)
    except Exception:  # noqa: BLE001 - any exception of any __reduce__ means that it cannot
        return False
    return True


def _out_of_band(_buffer: object) -> None:
    """Keeps the buffer out of what is written, as a call does."""
