"""The job: a picture made of some words, as a PNG, with the standard library alone."""

from __future__ import annotations

import hashlib
import math
import struct
import zlib

import mlq

WIDTH, HEIGHT = 960, 640  # points: some seconds of work, so that there is progress to show


def draw(words: str) -> bytes:
    """Waves whose lengths, directions and colours come from the words; the same from the same."""
    if not words.strip():
        raise ValueError("there are no words to draw")
    seed = hashlib.sha256(words.encode()).digest()
    rows = [b"\0" + row(seed, y) for y in mlq.progress(range(HEIGHT))]
    print(f"{WIDTH} x {HEIGHT} points of {words!r}")
    return png(b"".join(rows))


def row(seed: bytes, y: int) -> bytes:
    """One line of points, each of red, green and blue."""
    line = bytearray()
    for x in range(WIDTH):
        for colour in range(3):
            a, b, c, d = seed[4 * colour : 4 * colour + 4]
            wave = math.sin(x / (9 + a / 4) + y / (9 + b / 4)) + math.cos(y / (9 + c / 4) - x / 99)
            line.append(int(128 + 55 * wave + d / 255 * 16))
    return bytes(line)


def png(rows: bytes) -> bytes:
    """A PNG of rows, each of which begins with its filter (PNG specification, W3C, chapters 5 and 11)."""
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def chunk(kind: bytes, data: bytes) -> bytes:
    """Its length, its kind, its data and its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
