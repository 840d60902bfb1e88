"""Server-sent events, as far as MLQ sends them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from ._errors import MlqError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MAX_EVENT = 1 << 20  # bytes


class ServerEvent(NamedTuple):
    """An event; ``data`` is empty for a heartbeat, and ``id`` where it has no place to resume."""

    id: str
    data: dict[str, Any]


def events(chunks: Iterable[bytes]) -> Iterator[ServerEvent]:
    """Read events out of a body as it arrives. A heartbeat is an event without data."""
    buffered = b""
    for chunk in chunks:
        buffered += chunk
        *blocks, buffered = buffered.split(b"\n\n")
        if len(buffered) > _MAX_EVENT:
            raise MlqError("the server sent an event that does not end")
        for block in blocks:
            yield _event(block)


def _event(block: bytes) -> ServerEvent:
    place, data = "", ""
    for line in block.decode("utf-8", "replace").split("\n"):
        name, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "id":
            place = value
        elif name == "data":
            data += value
    try:
        parsed = json.loads(data) if data else {}
    except (ValueError, RecursionError) as err:
        raise MlqError("the server sent an event that is not JSON") from err
    return ServerEvent(place, parsed if isinstance(parsed, dict) else {})
