"""Named values as pickles that stand for themselves: what one of them lacks costs no other.

Names that share an object (a model and the optimizer of its parameters) are one pickle, so
that they still share it at the other end.
"""

from __future__ import annotations

import pickle
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from ._dump import dumps
from ._pickler import Pickler

if TYPE_CHECKING:
    from collections.abc import Iterable

# Sharing these is no matter of identity: they do not change, or are found again by name.
_SAME: tuple[type, ...] = (str, bytes, tuple, frozenset, type, types.CodeType, types.ModuleType)
_SAME += (types.FunctionType, types.BuiltinFunctionType)


class Group(NamedTuple):
    """A pickle of ``{name: value}`` in pieces, and the buffers beside it."""

    names: list[str]
    pieces: list[Any]
    buffers: list[Any]


def pack(values: dict[str, Any]) -> tuple[list[Group], dict[str, str]]:
    """Groups of all that can be pickled, and why the others cannot, by name."""
    memos: dict[str, frozenset[int]] = {}
    left: dict[str, str] = {}
    keep = []  # ids are of living objects only
    for name, value in values.items():
        if isinstance(value, types.ModuleType):
            continue
        try:
            memos[name], pickler = _met(value)
        except Exception as err:  # noqa: BLE001 - pickling runs the value's own code
            left[name] = f"{type(value).__name__}: {err}"
        else:
            keep.append(pickler)
    groups = []
    for names in _joined(memos):
        dumped = dumps({name: values[name] for name in names})
        pieces = [_uncopied(piece) for piece in dumped.pieces]
        groups.append(Group(names, pieces, [pickle.PickleBuffer(b) for b in dumped.buffers]))
    return groups, left


def load(groups: Iterable[Group]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values by name, and why others cannot be rebuilt here."""
    found: dict[str, Any] = {}
    left: dict[str, str] = {}
    for group in groups:
        try:
            found.update(pickle.loads(b"".join(group.pieces), buffers=group.buffers))
        except Exception as err:  # noqa: BLE001 - loading runs the value's own code
            left.update(dict.fromkeys(group.names, str(err) or type(err).__name__))
    return found, left


class _Nowhere:
    def write(self, data: Any, /) -> int:
        return len(data)


def _met(value: Any) -> tuple[frozenset[int], Any]:
    """The ids of the objects in a value that could be shared, and what keeps them alive."""
    pickler = Pickler(_Nowhere(), lambda _buffer: False)
    pickler.dump(value)
    memo = pickler.memo.copy()
    objects = [value, *(obj for _, obj in memo.values())]
    return frozenset(id(obj) for obj in objects if not _is_same(obj)), memo


def _is_same(obj: Any) -> bool:
    """Whether a copy is as good: what compares by value, as dtypes and members of enums do."""
    if isinstance(obj, _SAME):
        return True
    try:
        return hash(obj) not in (object.__hash__(obj), id(obj))
    except Exception:  # noqa: BLE001 - it cannot be hashed, so that it may change
        return False


def _joined(memos: dict[str, frozenset[int]]) -> list[list[str]]:
    """Names that share anything, together."""
    groups: list[tuple[list[str], frozenset[int]]] = []
    for name, met in memos.items():
        with_it = [group for group in groups if group[1] & met]
        names = [other for group in with_it for other in group[0]] + [name]
        groups = [group for group in groups if group not in with_it]
        groups.append((names, met.union(*(group[1] for group in with_it))))
    return [names for names, _ in groups]


def _uncopied(piece: Any) -> Any:
    return piece if len(piece) < 4096 else pickle.PickleBuffer(piece)
