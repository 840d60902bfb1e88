"""An Executor and what real servers seldom do."""

from __future__ import annotations

import concurrent.futures
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import mlq
from gates import LONG, add
from mlq import _executor
from mlq._deadline import Deadline
from scripted import DROP, Reply, as_json, problem

if TYPE_CHECKING:
    from scripted import Request, Scripted


class TestWithoutAServer:
    """What real servers seldom do."""

    def test_a_server_that_forgot_the_job(self, scripted: Scripted, client: mlq.Client) -> None:
        scripted.on("POST /jobs", as_json(53, 201))
        scripted.on("GET /jobs/53", problem("not-found", 404, "no such job"))
        scripted.on("GET /events", problem("forbidden", 403, "not you"))
        executor = client.options().executor()
        with pytest.raises(mlq.Unauthorized, match="not you"):
            executor.submit(add, 1).result(LONG)
        executor.shutdown()

    def test_a_cancel_that_cannot_be_told(self, scripted: Scripted, client: mlq.Client) -> None:
        scripted.on("POST /jobs", as_json(53, 201))
        scripted.on("GET /jobs/53", as_json({"id": 53, "state": "queued"}))
        scripted.on("DELETE /jobs/53", problem("forbidden", 403, "not you"))
        future = client.options().executor().submit(add, 1)
        with pytest.raises(mlq.Unauthorized):
            future.cancel()

    def test_a_refused_cancel_is_no_reason_to_leave_the_others(
        self, scripted: Scripted, client: mlq.Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        scripted.on("DELETE /jobs/53", problem("conflict", 409, "not now"))
        scripted.on("DELETE /jobs/54", problem("forbidden", 403, "not you"))
        _executor._cancel([_executor.JobFuture(client.job(n)) for n in (53, 54, 55)])
        assert [r.path for r in scripted.requests] == ["/jobs/53", "/jobs/54"]
        assert caplog.messages == [
            "job 53 is not cancelled: not now",
            "job 54 and those after it are not cancelled: not you",
        ]

    def test_two_kinds_of_too_late(self, scripted: Scripted, client: mlq.Client) -> None:
        scripted.on("DELETE /jobs/53", problem("forbidden", 403, "not you"))
        future: mlq.JobFuture[int] = _executor.JobFuture(client.job(53))
        for kind in (TimeoutError, concurrent.futures.TimeoutError):
            with pytest.raises(kind, match="not all values are there in time"):
                next(_executor._values([future], Deadline(0.01)))
        future.set_exception(TimeoutError("the call's own"))
        with pytest.raises(TimeoutError, match="the call's own"):
            next(_executor._values([future], Deadline(0.01)))

    def test_a_program_that_exits_waits_for_no_result(self, scripted: Scripted) -> None:
        """The server is silent in the middle of it; a pool of the standard library would wait."""
        asked, go = threading.Event(), threading.Event()

        def silent(_: Request) -> Reply:
            asked.set()
            go.wait(LONG)
            return DROP

        scripted.on("POST /jobs", as_json(53, 201))
        scripted.on("GET /jobs/53", as_json({"id": 53, "state": "succeeded"}))
        scripted.on("GET /jobs/53/result", silent)
        stream = b": still here\n\n"
        scripted.on("GET /events", Reply(200, {"Content-Type": "text/event-stream"}, stream))
        script = "import mlq; future = mlq.Executor().submit(len, 'x'); input()"
        with subprocess.Popen(
            [sys.executable, "-c", script],
            env={"MLQ_URL": scripted.url}, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as program:  # fmt: skip
            try:
                assert asked.wait(LONG)
                _, said = program.communicate(b"\n", timeout=LONG / 2)
            finally:
                go.set()
                program.kill()
        assert (program.returncode, said) == (0, b"")

    @pytest.mark.parametrize("wrong", [{"sumbit": 1}, {"gpus": "two"}, {"key": "x"}])
    def test_wrong_fields(self, client: mlq.Client, wrong: Any) -> None:
        with pytest.raises(TypeError):
            client.options(**wrong).executor()
