"""Pickles whose large pieces are not copied: those beside it, and those within.

An array's memory goes out of band. ``bytes`` and ``bytearray`` cannot, because they own
their memory; they stand in the pickle, which is therefore a list of pieces.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from ._pickler import Pickler
from ._tensors import Tensors

if TYPE_CHECKING:
    import pickle

    from ._envelope import Buffer

T = TypeVar("T")

OUT_OF_BAND = 4096  # bytes: a smaller buffer is not worth a frame
_MAX_BUFFERS = 4000  # an envelope has at most 4,096 frames
_KEPT = 1 << 20  # bytes: an object this large stays where it is


class Dumped:
    """A pickle: its pieces in order, and the buffers beside it."""

    def __init__(self, pieces: list[Buffer], buffers: list[memoryview]) -> None:
        self.pieces = pieces
        self.buffers = buffers

    @property
    def size(self) -> int:
        """Bytes of all together."""
        return sum(map(len, self.pieces)) + sum(b.nbytes for b in self.buffers)


def dumps(value: Any, modules: set[str] | None = None) -> Dumped:
    """Pickle 5 of anything. Raises what pickling raises.

    ``modules`` gets the names of those that the pickle refers to.
    """

    def once(tensors: Tensors) -> Dumped:
        file, buffers = _Pieces(), _Buffers()
        pickler = Pickler(file, buffers.take, tensors)
        pickler.dump(value)
        if modules is not None:
            modules.update(pickler.references())
        return Dumped(file.pieces(), buffers.taken)

    return _as_often_as_needed(once)


def measure(value: Any) -> int:
    """Bytes that a value takes when it is sent. Keeps nothing of it."""

    def once(tensors: Tensors) -> int:
        counter = _Counter()
        Pickler(counter, counter.skip, tensors).dump(value)
        return counter.size

    return _as_often_as_needed(once)


def _as_often_as_needed(once: Callable[[Tensors], T]) -> T:
    tensors = Tensors()
    made = once(tensors)
    return once(Tensors(tensors)) if tensors.ask_again() else made


class _Pieces:
    """A file that keeps large objects instead of copying them.

    The pickler hands over a ``bytes`` or ``bytearray`` of the value itself; what is in a
    memoryview is gone after the call.
    """

    def __init__(self) -> None:
        self._done: list[Buffer] = []
        self._open = io.BytesIO()

    def write(self, data: Any, /) -> None:
        if type(data) in (bytes, bytearray) and len(data) >= _KEPT:
            self._done += [self._open.getvalue(), data]
            self._open = io.BytesIO()
        else:
            self._open.write(data)

    def pieces(self) -> list[Buffer]:
        """All that was written, in order."""
        return [*self._done, self._open.getvalue()]


class _Buffers:
    """Takes large buffers out of band, as far as an envelope has frames."""

    def __init__(self) -> None:
        self.taken: list[memoryview] = []

    def take(self, buffer: pickle.PickleBuffer) -> bool:
        """Falsy takes the buffer out of band."""
        raw = buffer.raw()
        if raw.nbytes < OUT_OF_BAND or len(self.taken) >= _MAX_BUFFERS:
            return True
        self.taken.append(raw)
        return False


class _Counter:
    """A file that keeps nothing of what is written to it but the size."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: Any, /) -> None:
        self.size += memoryview(data).nbytes

    def skip(self, buffer: pickle.PickleBuffer) -> bool:
        self.size += buffer.raw().nbytes
        return False
