"""The agent of a host with GPUs, played by the test over HTTP: it reports what it is told to."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab import Lab

NANOSECONDS = 1_000_000_000
GIB = 1 << 30


class Cards:
    """A host that joined; `report` says what its devices are now."""

    def __init__(self, lab: Lab, host: str) -> None:
        self._lab = lab
        self.name = host
        self._obeyed = 0
        self.devices: list[dict[str, Any]] = []
        self.driver: dict[str, Any] = {"driver": "580.82.07", "cuda": "13.0"}
        self._epoch = 0

    def join(self, *devices: dict[str, Any]) -> Cards:
        """Take the name, and offer these devices."""
        self.devices = list(devices)
        named = self._ask(
            "/join",
            {
                "after": self._ask("")["epoch"],
                "believe_ns": 60 * NANOSECONDS,
                "term_ns": 40 * NANOSECONDS,
                "inventory": self._inventory(),
            },
        )
        self._epoch = named["epoch"]
        return self

    def report(self) -> None:
        """Say how everything is now, and that all orders were obeyed that are."""
        self._ask("/report", {"epoch": self._epoch, "inventory": self._inventory()})

    def orders(self) -> dict[str, Any]:
        """What admins ordered; it counts as obeyed with the next report."""
        orders = self._ask("/orders")
        self._obeyed = orders["number"]
        return orders

    def _inventory(self) -> dict[str, Any]:
        return {
            "version": "test",
            "boot_id": self.name,
            "devices": self.devices,
            "environments": [],
            "gpu": self.driver,
            "obeyed": self._obeyed,
        }

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self._lab.url}/agents/{self.name}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._lab.admin_token}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        said: dict[str, Any] = json.loads(text) if text else {}
        return said


def card(index: int, state: str, **more: Any) -> dict[str, Any]:
    """A GPU of 80 GiB in a state."""
    return {
        "uuid": f"GPU-{index}0000000-1111",
        "index": index,
        "kind": "gpu",
        "model": "NVIDIA H100 80GB HBM3",
        "memory": 80 * GIB,
        "state": state,
        "since": "2026-01-02T03:04:05Z",
        **more,
    }


def piece(index: int, parent: str) -> dict[str, Any]:
    """A slice of a GPU."""
    return {
        "uuid": f"MIG-{index}",
        "index": index,
        "kind": "mig",
        "parent": parent,
        "gi": index,
        "model": "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
        "memory": 10 * GIB,
        "state": "free",
    }
