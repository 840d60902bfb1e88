from __future__ import annotations

import json
import random
import struct

import pytest

from mlq import _envelope
from mlq._envelope import EnvelopeError, pack, unpack


def whole(header: dict[str, object], frames: list[tuple[str, bytes]]) -> bytes:
    return b"".join(pack(header, frames))


def raw(header: object, body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<4sI", b"MLQ1", len(text)) + text + body


def test_round_trip_with_aligned_large_frames() -> None:
    big = bytes(range(256)) * 20
    data = whole({"kind": "call", "x": "ü"}, [("a", b"1"), ("b0", big), ("b1", b""), ("b2", big)])
    found = unpack(bytearray(data))
    assert found.header["x"] == "ü"
    assert [bytes(b) for b in found.buffers()] == [big, b"", big]
    assert data.index(big) % _envelope.ALIGN == 0
    found.buffers()[0][0] = 9  # writable where the data is


def test_large_frames_are_not_copied() -> None:
    big = bytearray(10_000)
    assert any(part is big for part in pack({"kind": "call"}, [("b0", big)]))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"MLQ1",
        b"PK\x03\x04" + bytes(20),
        b"MLQ1\xff\xff\xff\x7f{}",
        raw([]),
        raw({"kind": "pickle", "frames": []}),
        raw({"kind": "call"}),
        raw({"kind": "call", "frames": [["a", -1]]}),
        raw({"kind": "call", "frames": [["a", True]]}),
        raw({"kind": "call", "frames": [["a", 1.0]]}, b"x"),
        raw({"kind": "call", "frames": [["a", 2]]}, b"x"),
        raw({"kind": "call", "frames": [["a", 1], ["a", 1]]}, b"xy"),
        raw({"kind": "call", "frames": []}, b"x"),
        raw({"kind": "call", "frames": [["a", 0]] * 4097}),
    ],
)
def test_what_is_no_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(EnvelopeError):
        unpack(data)


def test_damage_never_raises_anything_else() -> None:
    data = whole({"kind": "result", "value": "text"}, [("view", b"hello"), ("b0", bytes(5000))])
    dice = random.Random(1)
    for _ in range(3000):
        broken = bytearray(data[: dice.randrange(len(data) + 1)])
        for _ in range(dice.randrange(4)):
            if broken:
                broken[dice.randrange(min(len(broken), 120))] = dice.randrange(256)
        try:
            found = unpack(broken)
        except EnvelopeError:
            continue
        assert sum(len(frame) for frame in found.frames.values()) <= len(broken)
