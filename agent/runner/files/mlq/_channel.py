"""The line between the slot and its Python processes: one JSON message a packet.

``docs/slot.md`` lists the messages. Descriptors travel beside them.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

FD = 3  # where a process started or forked for the slot finds its end
MAX_PACKET = 256 << 10  # bytes
_MAX_FDS = 8
_SEND_TIMEOUT = 1.0  # seconds


class Channel:
    """One end of a SOCK_SEQPACKET pair."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)

    def fileno(self) -> int:
        """The descriptor, to be polled."""
        return self._socket.fileno()

    def receive(self) -> tuple[dict[str, Any] | None, list[int]]:
        """Wait for a message and its descriptors; None when the other end is gone."""
        data, fds, _, _ = socket.recv_fds(self._socket, MAX_PACKET, _MAX_FDS)
        for fd in fds:
            os.set_inheritable(fd, False)
        if not data:
            return None, fds
        message: dict[str, Any] = json.loads(data)
        return message, fds

    def send(self, message: dict[str, Any]) -> bool:
        """Send a message; False if nobody takes it within a second."""
        packet = json.dumps(message, separators=(",", ":")).encode()
        try:
            self._socket.settimeout(_SEND_TIMEOUT)
            try:
                self._socket.send(packet)
            finally:
                self._socket.settimeout(None)
        except OSError:  # the slot is gone, or stopped, or the job has closed the line
            return False
        return True

    def release(self) -> int:
        """Give up the descriptor without closing it."""
        return self._socket.detach()

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
