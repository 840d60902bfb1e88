"""Arrays that travel beside the pickle: of numpy, ``array.array`` and ``memoryview``.

What a pickle says is ``array_from(buffer, dtype, shape, strides)``: no function of
numpy, whose names differ between its versions. numpy is never imported here unless
the program has it, or a pickle that is loaded has one of its arrays.

Memory that lies densely goes as it is, whatever the order of its axes. What has
gaps or runs backwards is copied once, and only that.
"""

from __future__ import annotations

import array
import pickle
import sys
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from collections.abc import Iterator

    Reducer = Callable[[Any], Any]

_FORMATS = frozenset("cbB?hHiIlLqQnNfd")  # that memoryview.cast takes


def reducers() -> Iterator[tuple[type, Reducer]]:
    """How arrays of the types that this program has are reduced, by exact type."""
    yield array.array, _reduce_array
    yield memoryview, _reduce_view
    numpy: Any = sys.modules.get("numpy")
    if hasattr(numpy, "ndarray"):  # it may be half imported
        yield numpy.ndarray, _reduce_ndarray
        yield numpy.memmap, _reduce_memmap


def _reduce_ndarray(obj: Any) -> Any:
    """Any ndarray but those of Python objects, which the pickle has to look into."""
    if obj.dtype.hasobject or obj.dtype.itemsize == 0:
        return NotImplemented
    dense = obj.transpose(sorted(range(obj.ndim), key=obj.strides.__getitem__, reverse=True))
    if not dense.flags.c_contiguous:
        dense = obj = obj.copy(order="C")
    flat = dense.reshape(-1).view("u1")  # times cannot be exported as what they are
    if not flat.flags.writeable:  # which the pickle would say of what arrives, too
        flat = memory_at(flat.__array_interface__["data"][0], flat.nbytes, flat)
    return array_from, (pickle.PickleBuffer(flat), obj.dtype, obj.shape, obj.strides)


def _reduce_memmap(obj: Any) -> Any:
    """The array: the file is on this machine."""
    return _reduce_ndarray(obj.view(sys.modules["numpy"].ndarray))


def array_from(buffer: Any, dtype: Any, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    """An ndarray in this memory; a copy where it cannot be written to."""
    import numpy  # type: ignore[import-not-found,unused-ignore]

    return numpy.ndarray(shape, dtype, writable(buffer), 0, strides)


def _reduce_array(obj: array.array[Any]) -> Any:
    if obj.typecode == "u":  # its width is the platform's; it has no buffer of a known format
        return NotImplemented
    return typed_from, (obj.typecode, pickle.PickleBuffer(obj))


def typed_from(typecode: str, buffer: Any) -> array.array[Any]:
    """An ``array.array``, which always owns its memory: so this is one copy."""
    made: array.array[Any] = array.array(typecode)
    made.frombytes(buffer)
    return made


def _reduce_view(obj: memoryview) -> Any:
    if obj.format.lstrip("@") not in _FORMATS or not obj.ndim:
        return NotImplemented  # cast() could not make it: it arrives as bytes
    shape = obj.shape if obj.nbytes else None
    flat: Any = obj if obj.c_contiguous else bytearray(obj.tobytes())
    return memoryview_from, (pickle.PickleBuffer(flat), obj.format, shape, obj.readonly)


def memoryview_from(
    buffer: Any, code: str, shape: tuple[int, ...] | None, readonly: bool
) -> memoryview:
    """A memoryview of this memory, as writable as the one that was sent."""
    flat = memoryview(buffer if readonly else writable(buffer)).cast("B")
    view: memoryview = flat.cast(code, shape) if shape else flat.cast(code)  # type: ignore[call-overload]
    return view.toreadonly() if readonly else view


def writable(buffer: Any) -> Any:
    """The buffer, or a copy where it is read-only: a small one that lay in the pickle."""
    return bytearray(buffer) if memoryview(buffer).readonly else buffer


def memory_at(address: int, size: int, owner: object) -> memoryview:
    """The memory of another object, which lives as long as the view does. Only read it."""
    import ctypes

    memory = (ctypes.c_char * size).from_address(address)
    memory.owner = owner  # type: ignore[attr-defined]
    return memoryview(memory).cast("B")
