"""The envelope: the one format that carries a call to the runner and a result back.

``docs/envelope.md`` is its definition. In short::

    "MLQ1" | u32 header length | header JSON | frames

A frame of 4,096 bytes or more starts at a multiple of 64 from the envelope's
first byte, so that a large buffer can be used where it lies; smaller ones are
packed. The sizes in the header say everything: an envelope that is shorter or
longer than its header says is refused.

This module imports nothing but the standard library, because the runner uses
it in environments that have nothing else of ours.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Union

    Buffer = Union[bytes, bytearray, memoryview]
    Body = Union[Buffer, list[Buffer]]  # of a frame: whole, or in pieces

MEDIA_TYPE = "application/vnd.mlq.v1"
BATCH_MEDIA_TYPE = "application/vnd.mlq.v1+batch"

MAGIC = b"MLQ1"
MAX_HEADER = 1 << 20  # bytes
MAX_FRAMES = 4096
ALIGN = 64  # bytes, a power of two
ALIGNED_FROM = 4096  # bytes: a frame this large is aligned
KINDS = frozenset({"call", "result", "error"})

_PREFIX = struct.Struct("<4sI")
PREFIX = _PREFIX.size  # bytes before the header
_PADDING = bytes(ALIGN)


class EnvelopeError(ValueError):
    """These bytes are not an envelope; the text says what is wrong with them."""


class Envelope(NamedTuple):
    """An envelope that was read: the header, and views of its frames by name."""

    header: dict[str, Any]
    frames: dict[str, memoryview]

    @property
    def kind(self) -> str:
        """``call``, ``result`` or ``error``."""
        kind: str = self.header["kind"]
        return kind

    def buffers(self) -> list[memoryview]:
        """The out-of-band buffers ``b0``, ``b1``, … in order."""
        found: list[memoryview] = []
        while (view := self.frames.get(f"b{len(found)}")) is not None:
            found.append(view)
        return found


def pack(header: Mapping[str, Any], frames: Sequence[tuple[str, Body]]) -> list[Buffer]:
    """The envelope as parts to be written one after the other.

    Nothing is copied: large buffers appear in the list as they were given.
    ``header`` must not have ``frames``, which is filled in here.
    """
    if len(frames) > MAX_FRAMES:
        raise EnvelopeError(f"{len(frames)} frames, but at most {MAX_FRAMES} are allowed")
    sizes = [(name, length(body)) for name, body in frames]
    head = json.dumps({**header, "frames": sizes}, separators=(",", ":")).encode()
    if len(head) > MAX_HEADER:
        raise EnvelopeError(f"a header of {len(head)} bytes, but at most {MAX_HEADER} are allowed")
    return lay_out(head, (body for _, body in frames))


def lay_out(head: bytes, bodies: Iterable[Body]) -> list[Buffer]:
    """The parts of an envelope whose header is already encoded."""
    parts: list[Buffer] = [_PREFIX.pack(MAGIC, len(head)), head]
    offset = _PREFIX.size + len(head)
    for body in bodies:
        size = length(body)
        gap = _gap(offset, size)
        if gap:
            parts.append(_PADDING[:gap])
        parts += pieces(body)
        offset += gap + size
    return parts


def unpack(data: Buffer) -> Envelope:
    """Read an envelope. The frames are views of ``data``, writable if it is.

    Raises EnvelopeError if ``data`` is anything but one complete envelope.
    """
    view = memoryview(data).cast("B") if not isinstance(data, memoryview) else data
    offset = PREFIX + header_size(view, len(view))
    header = parse_header(view[PREFIX:offset])
    frames = {
        name: view[start : start + size]
        for name, start, size in lay_out_frames(header, offset, len(view))
    }
    return Envelope(header, frames)


def header_size(start: memoryview, total: int) -> int:
    """The length of the header, read from the first bytes of an envelope of ``total`` bytes."""
    if len(start) < PREFIX:
        raise EnvelopeError("truncated before its header")
    magic, length = _PREFIX.unpack_from(start)
    if magic != MAGIC:
        raise EnvelopeError("it does not start with MLQ1")
    if length > MAX_HEADER or PREFIX + length > total:
        raise EnvelopeError(f"a header of {length} bytes in {total} bytes")
    return int(length)


def parse_header(head: memoryview) -> dict[str, Any]:
    """The header, if it is one."""
    try:
        # Decoded here: json would take UTF-16 too, and a byte order mark.
        header = json.loads(str(head, "utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as err:
        raise EnvelopeError("its header is not JSON") from err
    if not isinstance(header, dict) or not _is_kind(header.get("kind")):
        raise EnvelopeError("its header names no known kind")
    return header


def _is_kind(kind: object) -> bool:
    return isinstance(kind, str) and kind in KINDS


def _no_number(text: str) -> Any:
    raise ValueError(f"JSON has no {text}")


def lay_out_frames(
    header: dict[str, Any], offset: int, total: int
) -> Iterator[tuple[str, int, int]]:
    """Name, place and size of each frame, from ``offset``, the end of the header, to ``total``.

    Raises EnvelopeError before the first one if they are not exactly so many bytes.
    """
    found: dict[str, tuple[int, int]] = {}
    for name, size in _frame_table(header):
        if name in found:
            raise EnvelopeError(f"two frames are named {name!r}")
        start = offset + _gap(offset, size)
        offset = start + size
        if offset > total:
            raise EnvelopeError(f"truncated: frame {name!r} ends at byte {offset} of {total}")
        found[name] = (start, size)
    if offset != total:
        raise EnvelopeError(f"{total - offset} bytes follow the last frame")
    return ((name, start, size) for name, (start, size) in found.items())


def _frame_table(header: dict[str, Any]) -> list[tuple[str, int]]:
    table = header.get("frames")
    if not isinstance(table, list) or len(table) > MAX_FRAMES:
        raise EnvelopeError("its header has no list of at most 4,096 frames")
    for entry in table:
        if not (isinstance(entry, list) and len(entry) == 2 and _is_frame(*entry)):
            raise EnvelopeError("a frame is not a name and a size")
    return [(name, size) for name, size in table]


def _is_frame(name: object, size: object) -> bool:
    return isinstance(name, str) and type(size) is int and size >= 0


def _gap(offset: int, size: int) -> int:
    """Padding before a frame of ``size`` bytes that would start at ``offset``."""
    return -offset % ALIGN if size >= ALIGNED_FROM else 0


def length(body: Body) -> int:
    """Bytes of a frame's body."""
    if isinstance(body, list):
        return sum(map(length, body))
    return body.nbytes if isinstance(body, memoryview) else len(body)


def pieces(body: Body) -> list[Buffer]:
    """The pieces of a body in order."""
    return body if isinstance(body, list) else [body]
