"""A result on its way into memory: once, frame by frame, going on where it broke off.

Each large frame gets memory of its own, so that an array can be kept, and another
one of the same result be given back. The bytes are hashed where they lie, beside the
reading of those that follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from urllib3.exceptions import IncompleteRead

from ._answers import media_type, not_ours
from ._beside import Hashing
from ._envelope import MEDIA_TYPE, PREFIX, Envelope, EnvelopeError, header_size, lay_out_frames
from ._envelope import parse_header as parse
from ._errors import MlqError, TooLarge
from ._memory import available, room
from ._straight import reader
from ._transfer import Meter, in_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from urllib3.response import BaseHTTPResponse

    from ._transfer import Transfer

_PIECE = 1 << 20  # bytes read at once
_SPARE = 64 << 20  # bytes of memory that a result leaves to the rest of the program


class Received(NamedTuple):
    """An envelope that arrived, and the SHA-256 of its bytes in hex."""

    envelope: Envelope
    sha256: str


class Arrival:
    """Reads one envelope, over as many answers as it takes.

    ``max_bytes`` is the most that is taken, None for what this machine has free.
    ``tell`` is told how far it is.
    """

    def __init__(
        self, max_bytes: int | None, tell: Callable[[Transfer], None] | None = None
    ) -> None:
        self._max = max_bytes
        self._tell = tell
        self._tag = ""
        self._size = -1
        self._filling, self._target = _filling(0), memoryview(b"")
        self.done = 0
        """Bytes that are there."""

    def headers(self) -> dict[str, str]:
        """What to ask with: the rest of what is there already, if it is still the same."""
        if not self.done or not self._tag:
            return {}
        return {"Range": f"bytes={self.done}-", "If-Match": self._tag}

    def forget(self) -> None:
        """What is there is of another result: the next answer begins anew."""
        self.done, self._tag = 0, ""

    def read(self, response: BaseHTTPResponse) -> Received:
        """Read an answer of 200, 206 or 409 to its end.

        Raises MlqError for what is no envelope, TooLarge for one that is larger than
        allowed, before it is read, and what urllib3 raises where the connection breaks.
        """
        if media_type(response.headers) != MEDIA_TYPE:
            raise not_ours(response.status, response.headers)
        if response.status == 206:
            self._go_on(response)
        else:
            self._begin(response)
        return self._take(response)

    def _begin(self, response: BaseHTTPResponse) -> None:
        # First of all, what is there of an earlier try is given back: there may be room for one.
        self.forget()
        self._filling.close()
        self._target = memoryview(b"")
        self._size = _content_length(response)
        _check_size(self._size, self._max)
        self._tag = response.headers.get("ETag", "")
        self._hashing = Hashing(self._size)
        self._meter = Meter(self._size, self._tell)
        self._filling = _filling(self._size)
        self._target = next(self._filling)

    def _go_on(self, response: BaseHTTPResponse) -> None:
        expected = f"bytes {self.done}-{self._size - 1}/{self._size}"
        if response.headers.get("Content-Range", "") != expected:
            raise MlqError("the server sent another part of the result than was asked for")
        self._meter.begin(self.done)

    def _take(self, response: BaseHTTPResponse) -> Received:
        try:
            with self._hashing:
                envelope = self._fill(reader(response))
        except EnvelopeError as err:
            raise MlqError(f"the result is not an envelope: {err}") from err
        response.read(1)  # lets urllib3 see the end, so that the connection can be used again
        return Received(envelope, self._hashing.hexdigest())

    def _fill(self, read: Callable[[memoryview], int]) -> Envelope:
        while True:
            while not len(self._target):
                try:
                    self._target = next(self._filling)
                except StopIteration as end:
                    envelope: Envelope = end.value
                    return envelope
            self._read_piece(read)

    def _read_piece(self, read: Callable[[memoryview], int]) -> None:
        count = read(self._target[:_PIECE])
        if not count:
            raise IncompleteRead(self.done, self._size - self.done)
        self._hashing.update(self._target[:count])
        self._target = self._target[count:]
        self.done += count
        self._meter.add(count)


def _filling(size: int) -> Generator[memoryview, None, Envelope]:
    """Yields the memory that the next bytes belong into; returns the envelope that they are."""
    prefix = memoryview(bytearray(min(PREFIX, size)))
    yield prefix
    head = memoryview(bytearray(header_size(prefix, size)))
    yield head
    header = parse(head)
    at, frames = PREFIX + len(head), {}
    for name, start, length in lay_out_frames(header, at, size):
        yield memoryview(bytearray(start - at))
        frames[name] = room(length)
        yield frames[name]
        at = start + length
    return Envelope(header, frames)


def _check_size(size: int, most: int | None) -> None:
    if most is not None:
        if size > most:
            raise TooLarge(
                f"the result has {size} bytes and this client takes {most}: allow more with "
                f"mlq.Client(max_result=…), {_OTHERWISE}"
            )
        return
    free = available() if size > _SPARE else None
    if free is not None and size + _SPARE > free:
        raise TooLarge(
            f"the result has {in_bytes(size)} and this machine has {in_bytes(free)} of memory "
            f"left: free some and ask again, {_OTHERWISE}. "
            "mlq.Client(max_result=…) takes as many bytes as it says, whatever is left"
        )


_OTHERWISE = "or have the job write it to out/ and use job.download()"


def _content_length(response: BaseHTTPResponse) -> int:
    text = response.headers.get("Content-Length", "")
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise MlqError("the server sent a result without its length")
    return int(text)


def check_digest(received: Received, expected: str) -> None:
    """Raise MlqError unless the bytes are those that the server keeps."""
    if received.sha256 != expected.strip('"').lower():
        raise MlqError(
            "the result is damaged: its SHA-256 is not the one that the server keeps for it"
        )
