"""PyTorch's tensors beside the pickle, without a copy, and on the CPU at the other end.

What travels is the memory of a storage, so that tensors that share one still do.
Of a storage only the stretch is sent that its tensors use: ten rows of a large
matrix are ten rows. Which stretch that is, is known when all tensors were met; so
a value in which it is not the whole is pickled once more, with what was learned.

PyTorch (1.13 or newer) is never imported unless the program has it, or a pickle that
is loaded has a tensor. What is not told here it pickles itself: sparse and quantised tensors,
subclasses, hooks, conjugated views.
"""

from __future__ import annotations

import pickle
import sys
from typing import Any, Callable, NamedTuple

from ._arrays import memory_at, writable

_HERE = "cpu"  # the device whose memory is this machine's
_STEP = 64  # bytes: a stretch starts at a multiple, which fits every dtype
_WORTH = 4096  # bytes that must be saved for the value to be pickled again


class Stretch(NamedTuple):
    """The bytes of a storage from ``start`` up to ``stop``."""

    start: int
    stop: int

    def with_(self, other: Stretch) -> Stretch:
        """The least that holds both."""
        return Stretch(min(self.start, other.start), max(self.stop, other.stop))


class Tensors:
    """The tensors of one pickle.

    ``first`` are those of a first pickling of the same value: it knows which stretch of
    a storage is used. Without it, all of each storage is sent, but nothing of a device's
    memory unless ``at_once``: what of it is to be fetched shows at the end.
    """

    def __init__(self, first: Tensors | None = None, *, at_once: bool = False) -> None:
        # It also keeps its storages alive, so that no other one can get the address of one.
        self._first = first
        self._at_once = at_once
        self._held: dict[int, _Held] = {}
        self._used: dict[int, Stretch] = {}
        self._torch: Any = sys.modules.get("torch")

    def types(self) -> tuple[type, ...]:
        """The exact types that ``reduce`` is for."""
        if not hasattr(self._torch, "Tensor") or not hasattr(self._torch, "nn"):
            return ()  # none, or half imported
        return self._torch.Tensor, self._torch.nn.Parameter

    def reduce(self, obj: Any) -> Any:
        """How a tensor is pickled; NotImplemented: as PyTorch does."""
        if not self._is_plain(obj):
            return NotImplemented if _stays(obj) else obj.cpu().__reduce_ex__(5)
        held = self._hold(obj)
        if held is None:
            return NotImplemented
        offset = obj.storage_offset() - held.start // obj.element_size()
        make = tensor_from if type(obj) is self._torch.Tensor else parameter_from
        return make, (held, obj.dtype, offset, tuple(obj.shape), obj.stride(), obj.requires_grad)

    def ask_again(self) -> bool:
        """Whether the value is to be pickled once more, with these as ``first``."""
        return any(
            not held.here or held.size - (stop - start) >= _WORTH
            for held, (start, stop) in ((self._held[key], s) for key, s in self._used.items())
        )

    def _is_plain(self, obj: Any) -> bool:
        """Whether memory, dtype, shape and strides say all of it."""
        return (
            obj.layout is self._torch.strided
            and obj.device.type != "meta"
            and not (obj.is_quantized or obj.is_conj() or obj.is_neg())
            and not obj._backward_hooks
            and not obj.__dict__
            and hasattr(_untyped(obj), "nbytes")
        )

    def _hold(self, obj: Any) -> _Held | None:
        """The storage as it stands in the pickle; None if the tensor does not lie in that."""
        storage = _untyped(obj)
        key = storage._cdata
        used = _stretch_of(obj)
        self._used[key] = self._used[key].with_(used) if key in self._used else used
        if key not in self._held:
            self._held[key] = _Held(storage, self._stretch(storage, key))
        held = self._held[key]
        # A value may be pickled differently the second time.
        return held if self._first is None or held.covers(used) else None

    def _stretch(self, storage: Any, key: int) -> Stretch:
        if self._first is not None and key in self._first._used:
            return self._first._used[key]
        whole = self._first is not None or self._at_once or storage.device.type == _HERE
        return Stretch(0, storage.nbytes() if whole else 0)


class _Held:
    """A storage's place in a pickle; the same one for all tensors that share it."""

    def __init__(self, storage: Any, stretch: Stretch) -> None:
        self.here = storage.device.type == _HERE
        self.size = storage.nbytes()
        self.start, self._stop = stretch
        self._storage = storage

    def covers(self, used: Stretch) -> bool:
        """Whether these bytes of the storage are sent."""
        return self.start <= used.start and used.stop <= self._stop

    def __reduce__(self) -> tuple[Callable[[Any], Any], tuple[pickle.PickleBuffer]]:
        size = self._stop - self.start
        if size == 0:
            return storage_from, (pickle.PickleBuffer(bytearray()),)
        storage, at = self._storage, self.start
        if not self.here:
            storage, at = _fetch(storage, at, size), 0
        memory = memory_at(storage.data_ptr() + at, size, storage)
        return storage_from, (pickle.PickleBuffer(memory),)


def _stays(obj: Any) -> bool:
    return obj.device.type in ("cpu", "meta")


def _untyped(tensor: Any) -> Any:
    """A tensor's storage as bytes."""
    if hasattr(tensor, "untyped_storage"):
        return tensor.untyped_storage()
    return tensor.storage().untyped()  # PyTorch 1.13


def _stretch_of(obj: Any) -> Stretch:
    """The bytes of its storage in which a tensor lies."""
    if obj.numel() == 0:
        start = stop = 0
    else:
        start = obj.storage_offset() * obj.element_size()
        steps = sum((n - 1) * step for n, step in zip(obj.shape, obj.stride()))
        stop = start + (steps + 1) * obj.element_size()
    return Stretch(start - start % _STEP, stop)


def _fetch(storage: Any, start: int, size: int) -> Any:
    """A copy in this machine's memory of what lies in a device's."""
    torch = sys.modules["torch"]
    empty = torch.empty(0, dtype=torch.uint8, device=storage.device)
    return _untyped(empty.set_(storage, start, (size,), (1,)).to("cpu", copy=True))


def storage_from(buffer: Any) -> Any:
    """A buffer as a tensor of bytes, whose storage tensors can share."""
    import torch  # type: ignore[import-not-found,unused-ignore]

    if memoryview(buffer).nbytes == 0:
        return torch.empty(0, dtype=torch.uint8, device="cpu")
    return torch.frombuffer(writable(buffer), dtype=torch.uint8)


def tensor_from(
    held: Any,
    dtype: Any,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    requires_grad: bool,
) -> Any:
    """A tensor in the memory of ``held``."""
    import torch

    made = torch.empty(0, dtype=dtype, device="cpu").set_(_untyped(held), offset, shape, strides)
    return made.requires_grad_(requires_grad) if requires_grad else made


def parameter_from(
    held: Any,
    dtype: Any,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    requires_grad: bool,
) -> Any:
    """A parameter of a module in the memory of ``held``."""
    import torch

    made = tensor_from(held, dtype, offset, shape, strides, requires_grad=False)
    return torch.nn.Parameter(made, requires_grad)
