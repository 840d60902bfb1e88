"""Messages as JSON, which has neither bytes nor keys that are not text.

Those two travel as one-member objects: ``{"py/b64": "…"}``, as jsonpickle writes bytes, and
``{"py/items": [[key, value], …]}``. A dict that looks like one of them is sent as items.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from . import _words

_BYTES, _ITEMS = "py/b64", "py/items"
_MAX_DEPTH = 200  # what is deeper is refused here, in words


def dumps(msg: Any) -> str:
    """The message as JSON. TypeError or ValueError names what cannot be sent, and where."""
    return json.dumps(_plain(msg, "the message", _MAX_DEPTH), allow_nan=False)


def loads(text: bytes | str) -> Any:
    """The message of its JSON."""
    return restore(json.loads(text))


def restore(value: Any) -> Any:
    """The message of what JSON made of it."""
    if isinstance(value, list):
        return [restore(member) for member in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((tag, content),) = value.items()
        if tag == _BYTES and isinstance(content, str):
            return _decoded(content)
        if tag == _ITEMS and _are_items(content):
            return {restore(key): restore(member) for key, member in content}
    return {key: restore(member) for key, member in value.items()}


def _plain(value: Any, where: str, depth: int) -> Any:
    if depth == 0:
        raise ValueError(
            f"{_words.path(where)} cannot be sent in a message: it is nested too deep, or in itself"
        )
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        if value - value != 0:
            raise ValueError(f"{_words.path(where)} cannot be sent in a message: it is {value}")
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {_BYTES: base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return [_plain(member, f"{where}[{i}]", depth - 1) for i, member in enumerate(value)]
    if isinstance(value, dict):
        return _object(value, where, depth - 1)
    raise TypeError(
        f"{_words.path(where)} cannot be sent in a message: it is a {type(value).__name__}; "
        "int, float, str, bytes, list, tuple, dict, bool and None can"
    )


def _object(value: dict[Any, Any], where: str, depth: int) -> dict[str, Any]:
    pairs = [(key, _plain(member, f"{where}[{key!r}]", depth)) for key, member in value.items()]
    if all(type(key) is str for key in value) and not (len(value) == 1 and _is_tag(*value)):
        return dict(pairs)
    return {_ITEMS: [[_key(key, where), member] for key, member in pairs]}


def _key(key: Any, where: str) -> Any:
    if isinstance(key, tuple):
        raise TypeError(
            f"{_words.path(where)} cannot be sent in a message: its key {key!r} is a tuple"
        )
    return _plain(key, f"a key of {where}", 1)


def _is_tag(key: str) -> bool:
    return key in (_BYTES, _ITEMS)


def _decoded(text: str) -> Any:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return {_BYTES: text}


def _are_items(content: Any) -> bool:
    return isinstance(content, list) and all(
        isinstance(pair, list) and len(pair) == 2 and _is_key(pair[0]) for pair in content
    )


def _is_key(value: Any) -> bool:
    return not isinstance(value, (list, dict)) or isinstance(restore(value), bytes)
