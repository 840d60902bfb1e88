"""An exception as a pickle that can be loaded: its class, its arguments and its fields.

Python's own way calls the class again with ``args``. That fails where ``__init__`` needs
keywords, and changes the text where it builds one. So ``__init__`` of the user's class is
not called; the builtin exception below it is. What cannot be sent of it is left out, because
the type is worth more: an argument stands there as its text, a field is missing.
"""

from __future__ import annotations

import io
import types
from typing import TYPE_CHECKING, Any

from ._pickler import Pickler

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 8 << 10  # characters of a text or bytes of an argument, where all is too much


def dumps(err: BaseException, limit: int) -> bytes | None:
    """A pickle of at most ``limit`` bytes, or None: then the text must do."""
    for part in (_as_it_is, _as_it_can_be):
        data = _dump(err, part)
        if data is not None and len(data) <= limit:
            return data
    return None


def rebuild(
    kind: type[BaseException], args: tuple[Any, ...], fields: Mapping[str, Any] | None
) -> BaseException:
    """An exception of this class as it was. Runs none of the class's own code."""
    base: Any = next(cls for cls in kind.__mro__ if cls.__module__ == "builtins")
    err: BaseException = base.__new__(kind, *args)
    base.__init__(err, *args)
    for name, value in (fields or {}).items():
        BaseException.__setattr__(err, name, value)
    return err


class _ErrorPickler(Pickler):
    """Reduces exceptions to what ``rebuild`` takes, also those within others."""

    part: Any

    def reducer_override(self, obj: Any) -> Any:
        """As Pickler; exceptions whose class says nothing else of how to pickle them, our way."""
        if isinstance(obj, BaseException) and _says_nothing(type(obj)):
            reduced: Any = obj.__reduce__()  # a builtin's, in C
            fields = reduced[2] if len(reduced) > 2 else None
            return rebuild, (type(obj), *self.part(reduced[1], fields))
        return super().reducer_override(obj)


def _says_nothing(kind: type[BaseException]) -> bool:
    own = kind.__reduce_ex__ is not object.__reduce_ex__ or kind.__setstate__ is not _SETSTATE
    return isinstance(kind.__reduce__, types.MethodDescriptorType) and not own


_SETSTATE: Any = BaseException.__setstate__


def _dump(err: BaseException, part: Any) -> bytes | None:
    buffer = io.BytesIO()
    pickler = _ErrorPickler(buffer)
    pickler.part = part
    try:
        pickler.dump(err)
    except Exception:  # noqa: BLE001 - any __reduce__ may fail in any way
        return None
    return buffer.getvalue()


def _as_it_is(args: tuple[Any, ...], fields: Any) -> tuple[Any, Any]:
    return args, fields


def _as_it_can_be(args: tuple[Any, ...], fields: Any) -> tuple[Any, Any]:
    kept = {name: _short(value) for name, value in (fields or {}).items() if _can_go(value)}
    return tuple(_short(arg if _can_go(arg) else _text(arg)) for arg in args), kept


def _can_go(value: object) -> bool:
    buffer = io.BytesIO()
    pickler = _ErrorPickler(buffer)
    pickler.part = _as_it_can_be if _is_raised(value) else _as_it_is
    try:
        pickler.dump(value)
    except Exception:  # noqa: BLE001 - as above
        return False
    return _is_raised(value) or isinstance(value, str) or buffer.tell() <= _LONGEST


def _is_raised(value: object) -> bool:
    """Whether it is an exception, or the list of those in a group."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(member, BaseException) for member in value)
    return isinstance(value, BaseException)


def _short(value: Any) -> Any:
    if type(value) is str and len(value) > _LONGEST:
        return f"{value[: _LONGEST // 2]} … {value[-_LONGEST // 2 :]}"
    return value


def _text(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - a broken __repr__ must not lose the error
        return f"<{type(value).__qualname__}>"
