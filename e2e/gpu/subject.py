"""What all checks have at hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cloudpickle
import jobs
import mlq
from lab import Watch, get, until
from report import Report
from standin import StandIn

cloudpickle.register_pickle_by_value(jobs)

JOB = 120.0  # seconds that a job may take: importing torch anew may take many
CLEAR = 20.0  # seconds for a device to be free again


@dataclass
class Bench:
    """A server with an agent over one device, and the device."""

    report: Report
    url: str
    pid: int  # of mlq dev
    card: str
    measured: dict[str, Any]
    watch: Watch
    standin: StandIn | None
    client: mlq.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = mlq.Client(self.url)

    @property
    def state_file(self) -> str | None:
        """What jobs are told of the stand-in."""
        return str(self.standin.state) if self.standin else None

    @property
    def idle(self) -> int:
        """Memory in use while nothing ran, and some room for what drivers do."""
        return int(self.measured["memory"]["ours"]) + (64 << 20)

    def device(self) -> dict[str, Any]:
        """Give the device as everybody sees it."""
        found = [d for d in get(self.url, "/gpus")["gpus"] if d["uuid"] == self.card]
        if not found:
            raise AssertionError(f"GET /gpus lists no {self.card}")
        return dict(found[0])

    def state(self) -> str:
        """Give the state and why."""
        d = self.device()
        return f"{d['state']} ({d.get('reason', '')})"

    def becomes_free(self) -> str:
        """Wait until the device is free."""
        took = until("the device is free", lambda: self.device()["state"] == "free", 60, self.state)
        return f"free after {took:.1f} s"
