"""For how long a consumer may believe that a job is its own.

The numbers are those of docs/protocol.md: the store lets another have the job 75 s after the
last heartbeat, and whoever runs it believes in it for 60 s from before it sent that.
"""

from __future__ import annotations

import time
from typing import NamedTuple

HEARTBEAT = 1 / 12  # of the lease: 5 s of 60
STOP = 2 / 3  # of the lease: 40 s without a heartbeat, and the job is told to stop


class Belief(NamedTuple):
    """What is known of a lease: when the last heartbeat that succeeded was sent, for how long."""

    renewed: float
    length: float  # seconds

    def next_heartbeat(self, tried: float) -> float:
        """When to send the next one, if the last try began at ``tried``."""
        pause = self.length * HEARTBEAT
        return self.renewed + pause if tried <= self.renewed else tried + pause / 3

    def stops(self) -> float:
        """From when on the job has to come to its end."""
        return self.renewed + self.length * STOP

    def ends(self) -> float:
        """From when on the job may be somebody else's, and nothing of it may be sent."""
        return self.renewed + self.length


def now() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # macOS has none; its monotonic one goes on
    return time.monotonic() if clock is None else time.clock_gettime(clock)
