"""The ends of many jobs: callbacks, await, wait and as_completed."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest

import envelopes
import mlq
from scripted import Reply, as_json, problem
from told import events

if TYPE_CHECKING:
    from scripted import Request, Scripted


class TestEnds:
    """Callbacks, await, wait and as_completed: one stream tells of all jobs."""

    @pytest.fixture
    def two(self, scripted: Scripted) -> list[threading.Event]:
        """Job 1 has ended before anybody looks; job 2 ends when the event is set."""
        go = threading.Event()

        def all_events(_: Request) -> Reply:
            go.wait(10)
            return events({"job": 2, "kind": "succeeded"})

        scripted.on("GET /jobs/1", as_json({"id": 1, "state": "succeeded"}))
        scripted.on("GET /jobs/2", as_json({"id": 2, "state": "running"}))
        scripted.on("GET /events", Reply(200, {"Content-Type": "text/event-stream"}), all_events)
        for job in (1, 2):
            scripted.on(f"GET /jobs/{job}/result", envelopes.reply(envelopes.result(job)))
        return [go]

    def test_as_completed(
        self, client: mlq.Client, two: list[threading.Event], capsys: pytest.CaptureFixture[str]
    ) -> None:
        ended = mlq.as_completed([client.job(2), client.job(1)], timeout=20)
        assert next(ended).id == 1
        two[0].set()
        last = next(ended)
        assert (last.id, last.result()) == (2, 2)
        assert list(ended) == []
        assert capsys.readouterr().out == "", "what was waited for here is not shown again"

    def test_as_completed_in_time(self, client: mlq.Client, two: list[threading.Event]) -> None:
        with pytest.raises(TimeoutError, match="they go on"):
            list(mlq.as_completed([client.job(2)], timeout=0.05))
        two[0].set()

    def test_wait(self, client: mlq.Client, two: list[threading.Event]) -> None:
        one, other = client.job(1), client.job(2)
        found = mlq.wait([one, other], timeout=20, return_when="FIRST_COMPLETED")
        assert found == ({one}, {other})
        two[0].set()
        assert mlq.wait([one, other], timeout=20) == ({one, other}, set())
        assert mlq.wait([other], timeout=0) in (({other}, set()), (set(), {other}))

    def test_callbacks(
        self,
        client: mlq.Client,
        two: list[threading.Event],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        called: queue.Queue[tuple[int, bool]] = queue.Queue()

        def broken(_: Any) -> None:
            raise RuntimeError("in a callback")

        for job in (client.job(1), client.job(2)):
            job.add_done_callback(broken)
            job.add_done_callback(
                lambda j: called.put((j.id, threading.current_thread() is threading.main_thread()))
            )
        assert called.get(timeout=20)[0] == 1
        two[0].set()
        assert called.get(timeout=20) == (2, False)
        assert "a callback of job 1 failed" in caplog.text

    def test_await(self, client: mlq.Client, two: list[threading.Event]) -> None:
        async def both() -> tuple[Any, Any]:
            async def one(job: mlq.Job[Any]) -> Any:
                return await job

            two[0].set()
            first, second = await asyncio.gather(one(client.job(1)), one(client.job(2)))
            return first, second

        assert asyncio.run(both()) == (1, 2)

    def test_many_are_looked_at_page_by_page(self, scripted: Scripted, client: mlq.Client) -> None:
        pages = [
            {"jobs": [{"id": n, "state": "failed"} for n in range(300, 100, -1)], "next": "101"},
            {"jobs": [{"id": n, "state": "succeeded"} for n in range(100, 50, -1)]},
        ]
        scripted.on("GET /events", events())
        scripted.on("GET /jobs", *map(as_json, pages))
        for job in range(1, 51):
            scripted.on(f"GET /jobs/{job}", problem("not-found", 404, "no such job"))
        jobs = [client.job(n) for n in range(51, 301)]
        assert len(list(mlq.as_completed(jobs, timeout=20))) == 250
        assert len(scripted.asked("GET /jobs")) == 2
        scripted.on("GET /jobs", *map(as_json, pages))
        with pytest.raises(mlq.MlqError, match="no such job"):
            list(mlq.as_completed([*jobs, client.job(7)], timeout=20))
