"""A result's value as frames: so that HTTP can show it, and so that Python gets it back exactly.

``bytes``, ``text`` and ``json`` need no pickle; everything else is pickled,
with large buffers out of band, and shown as the best JSON that can be made of it.
"""

from __future__ import annotations

import json
import math
import reprlib
from typing import TYPE_CHECKING, Any

import cloudpickle

from . import _words
from ._dump import dumps

if TYPE_CHECKING:
    from ._envelope import Body

    Encoded = tuple[dict[str, Any], list[tuple[str, Body]]]

_EXACT_INT = 1 << 53
_MAX_DEPTH = 32  # of lists and dicts that travel as JSON
_VIEW = 1 << 20  # bytes
_SMALL = 10_000  # members of what is shown in full
_TRIES = 200  # pickles that the search for a culprit may try


def encode(value: Any) -> Encoded:
    """Header fields and frames of a result. Raises what pickling raises."""
    if type(value) is bytes:
        return {"value": "bytes"}, [("view", value)]
    if type(value) is str and _is_unicode(value):
        return {"value": "text"}, [("view", value.encode())]
    if _is_exact_json(value):
        return {"value": "json"}, [("view", _dumps(value))]
    dumped = dumps(value)
    frames: list[tuple[str, Body]] = [("view", view(value)), ("pickle", dumped.pieces)]
    frames += [(f"b{i}", buffer) for i, buffer in enumerate(dumped.buffers)]
    return {"value": "pickle"}, frames


def _dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _is_unicode(text: str) -> bool:
    """Whether UTF-8 can carry it: lone surrogates it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_exact_json(value: Any) -> bool:
    """Whether JSON gives back exactly this: by exact type, no member in two places."""
    return _exact(value, set(), _MAX_DEPTH)


def _exact(value: Any, seen: set[int], depth: int) -> bool:
    kind = type(value)
    if value is None or kind is bool:
        return True
    if kind is int:
        return bool(-_EXACT_INT <= value <= _EXACT_INT)
    if kind is float:
        return math.isfinite(value)
    if kind is str:
        return _is_unicode(value)
    if kind not in (list, dict) or depth == 0 or id(value) in seen:
        return False
    seen.add(id(value))
    if kind is list:
        return all(_exact(member, seen, depth - 1) for member in value)
    return all(
        type(key) is str and _is_unicode(key) and _exact(member, seen, depth - 1)
        for key, member in value.items()
    )


def view(value: Any) -> bytes:
    """The best JSON for people that fits into 1 MiB, else the JSON string of its repr."""
    try:
        shown = _dumps(_simplify(value, _MAX_DEPTH, [_SMALL * 10]))
        if len(shown) <= _VIEW:
            return shown
    except Exception:  # noqa: BLE001, S110  # it runs the value's own code; the repr is left
        pass
    text = _repr(value)[: _VIEW // 8].encode("utf-8", "backslashreplace").decode()
    return json.dumps(text, ensure_ascii=False).encode()


class _TooMuch(Exception):
    """The value is too large to be shown as JSON."""


def _simplify(value: Any, depth: int, budget: list[int]) -> Any:
    """Plain JSON that looks like the value. ``budget`` is how many members are left."""
    budget[0] -= 1
    if depth == 0 or budget[0] < 0:
        raise _TooMuch
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(k): _simplify(v, depth - 1, budget) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_simplify(member, depth - 1, budget) for member in value]
    size = getattr(value, "size", None)
    if hasattr(value, "tolist") and (type(size) is not int or size <= _SMALL):
        return _simplify(value.tolist(), depth - 1, budget)
    return _repr(value)


def _repr(value: Any) -> str:
    try:
        if isinstance(value, (list, tuple, dict, set, frozenset, str)) and len(value) > _SMALL:
            return reprlib.repr(value)
        return repr(value)
    except Exception:  # noqa: BLE001  # a broken __repr__ must not lose the result
        return f"<a {type(value).__qualname__} without a repr>"


def short(value: Any) -> str:
    """The short result: the value's text, ``<N bytes>`` for bytes."""
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    if isinstance(value, str):
        return clean(value)
    return clean(_repr(value) if _is_container(value) else _str(value))


def _is_container(value: Any) -> bool:
    return isinstance(value, (list, tuple, dict, set, frozenset))


def _str(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # as in _repr
        return _repr(value)


def clean(text: str) -> str:
    """The text without lone surrogates, which UTF-8 cannot carry."""
    return text[: 4 << 10].encode("utf-8", "backslashreplace").decode()


def find_unpicklable(value: Any, err: Exception) -> tuple[str, Exception]:
    """Which member of the value cannot be pickled, as far as a short search tells."""
    where, tries = "the result", [_TRIES]
    path = "result"
    while True:
        found = _failing_member(value, tries)
        if found is None:
            return _words.path(where), err
        step, value, err = found
        path += step
        where = path


def _failing_member(value: Any, tries: list[int]) -> tuple[str, Any, Exception] | None:
    for step, member in _members(value):
        tries[0] -= 1
        if tries[0] < 0:
            return None
        try:
            cloudpickle.dumps(member, protocol=5, buffer_callback=lambda _buffer: None)
        except Exception as err:  # noqa: BLE001  # that is what is looked for
            return step, member, err
    return None


def _members(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"[{reprlib.repr(key)}]", member) for key, member in value.items()]
    if isinstance(value, (list, tuple)):
        return [(f"[{i}]", member) for i, member in enumerate(value)]
    fields = getattr(value, "__dict__", None)
    if isinstance(fields, dict) and not isinstance(value, type) and not callable(value):
        return [(f".{name}", member) for name, member in fields.items()]
    return []
