"""Reading a body into memory that is there, without the copies that urllib3 makes on the way."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse


def reader(response: BaseHTTPResponse) -> Callable[[memoryview], int]:
    """What reads the next bytes into memory, and says how many; 0 at the end.

    urllib3 hands out new ``bytes`` for each piece, which cost more than the socket does. The
    standard library's answer below it reads in place; where there is none, urllib3 reads.
    Raises what urllib3 raises, and OSError.
    """
    below = getattr(response, "_fp", None)
    if not isinstance(below, http.client.HTTPResponse) or below.chunked:
        return _copying(response)

    def read(memory: memoryview) -> int:
        count = below.readinto(memory)
        response.length_remaining = below.length  # urllib3 has not counted these
        return count

    return read


def _copying(response: BaseHTTPResponse) -> Callable[[memoryview], int]:
    def read(memory: memoryview) -> int:
        piece = response.read(len(memory))
        memory[: len(piece)] = piece
        return len(piece)

    return read
