"""What a value is after it was sent: as an argument of a call, and as its result."""

from __future__ import annotations

import mmap
import pickle
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from mlq import _values
from mlq._envelope import Envelope, pack, unpack
from mlq._pickle import dump_args

if TYPE_CHECKING:
    from mlq._envelope import Body


class Sent(NamedTuple):
    """What arrived, and what it took."""

    value: Any
    envelope: Envelope

    @property
    def beside(self) -> int:
        """Bytes that lay beside the pickle."""
        return sum(len(buffer) for buffer in self.envelope.buffers())

    @property
    def within(self) -> int:
        """Bytes of the pickle."""
        frames = self.envelope.frames
        return len(frames["args"] if "args" in frames else frames["pickle"])


def as_argument(value: Any) -> Sent:
    envelope = _carried("call", dump_args((value,), {}, set()))
    (args, _kwargs) = pickle.loads(envelope.frames["args"], buffers=envelope.buffers())
    return Sent(args[0], envelope)


def as_result(value: Any) -> Sent:
    _header, frames = _values.encode(value)
    envelope = _carried("result", frames)
    return Sent(pickle.loads(envelope.frames["pickle"], buffers=envelope.buffers()), envelope)


BOTH: list[Callable[[Any], Sent]] = [as_argument, as_result]


def _carried(kind: str, frames: list[tuple[str, Body]]) -> Envelope:
    """As it lies at the other end: in memory of its own, which begins with a page."""
    data = b"".join(pack({"kind": kind}, frames))
    memory = mmap.mmap(-1, len(data))
    memory[:] = data
    return unpack(memoryview(memory))
