"""What a server does for consumers, over real connections: hands jobs out, and notes their ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlq import _envelope, _result
from scripted import Reply, Request, as_json

if TYPE_CHECKING:
    from scripted import Scripted


class Shop:
    """What a server does for a consumer: hands jobs out once each, and notes what it is told."""

    def __init__(self, scripted: Scripted) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.claims: dict[str, dict[str, Any]] = {}
        self.stop: list[dict[str, Any]] = []
        self.progress: list[Any] = []
        self.log = b""
        self.ended: dict[int, tuple[str, bytes]] = {}
        self.scripted = scripted
        scripted.on("POST /consumer/take", self.take)
        scripted.on("POST /consumer/renew", lambda _: as_json({"stop": self.stop}))
        scripted.on("POST /consumer/progress", self.note)
        scripted.on("PUT /consumer/log", self.append)
        scripted.on("POST /consumer/finish", self.finish)

    def add(self, msg: Any = None, **fields: Any) -> int:
        number = len(self.jobs) + 53
        job = {"job": number, "attempt": 1, "fence": "18014398509481985", "msg": msg, "timeout": 0}
        job |= {"functions": ["f"], "full_message": {"id": number, "retries": 0}, "grace": 5}
        self.jobs.append({**job, "lease": 60, **fields})
        return number

    def take(self, request: Request) -> Reply:
        claim = json.loads(request.body)["claim"]
        if claim not in self.claims:
            if len(self.claims) == len(self.jobs):
                return Reply(204)
            self.claims[claim] = self.jobs[len(self.claims)]
        return as_json(self.claims[claim])

    def note(self, request: Request) -> Reply:
        self.progress.append(json.loads(request.body)["progress"])
        return Reply(204)

    def append(self, request: Request) -> Reply:
        at = int(request.query["offset"])
        self.log = self.log[:at] + request.body
        return Reply(204)

    def finish(self, request: Request) -> Reply:
        query = request.query
        assert query["fence"] == "18014398509481985"
        self.ended.setdefault(int(query["job"]), (query["outcome"], request.body))
        return Reply(204)

    def value(self, job: int) -> Any:
        outcome, body = self.ended[job]
        assert outcome == "succeeded"
        return _result.value_of(_envelope.unpack(body))

    def error(self, job: int) -> dict[str, Any]:
        assert self.ended[job][0] == "failed"
        return _envelope.unpack(self.ended[job][1]).header
