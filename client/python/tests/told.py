"""What a server tells of job 53."""

from __future__ import annotations

import json
from typing import Any

import envelopes
from scripted import Reply, as_json

RESULT = "GET /jobs/53/result"
DONE = envelopes.reply(envelopes.result("value"))


def details(state: str, **more: Any) -> Reply:
    return as_json({"id": 53, "state": state, **more})


def events(*facts: dict[str, Any]) -> Reply:
    """A stream that ends after these."""
    text = ": still here\n\n"
    for place, fact in enumerate(facts):
        text += f"id: 1.{place}\nevent: state\ndata: {json.dumps(fact)}\n\n"
    return Reply(200, {"Content-Type": "text/event-stream"}, text.encode())


def history() -> list[dict[str, Any]]:
    """A job that was taken after 0.2 s, and what it printed is read at the end."""
    day = "2026-11-26T13:00:"
    return [
        {"kind": "submitted", "state": "queued", "at": f"{day}00Z"},
        {"kind": "leased", "state": "leased", "at": f"{day}00.2Z", "attempt": 1, "text": "on gpu1"},
        {"kind": "running", "state": "running", "at": f"{day}01Z", "attempt": 1, "text": "on gpu1"},
        {"kind": "update", "state": "running", "attempt": 1},
    ]


def succeeded() -> dict[str, Any]:
    return {"kind": "succeeded", "state": "succeeded", "at": "2026-11-26T13:00:13.3Z", "attempt": 1}
