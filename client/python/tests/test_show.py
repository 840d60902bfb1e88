"""What a job prints, and what a script prints while it waits for it."""

from __future__ import annotations

import signal
import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

import mlq
from scripted import DROP, Reply, as_json, problem
from told import DONE, RESULT, details, events, history, succeeded

if TYPE_CHECKING:
    from scripted import Request, Scripted


class TestShow:
    """What a script prints while it waits."""

    def test_states_to_stderr_and_output_to_stdout(
        self, scripted: Scripted, client: mlq.Client, capsys: pytest.CaptureFixture[str]
    ) -> None:
        log = "epoch 1 – ü\nepoch 2\n".encode()
        cut = log.index(b"\xc3") + 1  # in the middle of a character

        def logs(request: Request) -> Reply:
            assert request.query["attempt"] == "1"
            end = cut if request.query["offset"] == "0" else len(log)
            body = log[int(request.query["offset"]) : end]
            return Reply(200, {"Content-Type": "text/plain"}, body)

        scripted.on("GET /jobs/53", details("queued", position=2))
        scripted.on("GET /jobs/53/logs", logs)
        running = {"kind": "running", "state": "running", "attempt": 1, "text": "on gpu1"}
        update: dict[str, Any] = {
            "kind": "update",
            "state": "running",
            "attempt": 1,
            "progress": 0.5,
            "progress_text": "0.5",
            "log_bytes": cut,
        }
        ended = {"kind": "succeeded", "state": "succeeded", "attempt": 1}
        scripted.on(
            "GET /jobs/53/events",
            events({"kind": "submitted", "state": "queued"}, running, update),
            DROP,
            events(ended),
        )
        scripted.on(RESULT, DONE)
        assert client.job(53).result() == "value"
        out, err = capsys.readouterr()
        assert out == log.decode()
        assert err.splitlines() == [
            "mlq job 53: running on gpu1",
            "mlq job 53: succeeded",
        ]
        resumed = scripted.asked("GET /jobs/53/events")
        assert [r.headers.get("Last-Event-ID") for r in resumed] == [None, "1.2", "1.2"]

    def test_who_stops_it_and_why_is_told_once(
        self, scripted: Scripted, client: mlq.Client, capsys: pytest.CaptureFixture[str]
    ) -> None:
        why = "told to stop and to wait again by root: a deadline tonight"
        update = {"kind": "update", "state": "running", "attempt": 1}
        scripted.on("GET /jobs/53", details("running"))
        scripted.on("GET /jobs/53/logs", Reply(200, {"Content-Type": "text/plain"}, b""))
        scripted.on(
            "GET /jobs/53/events",
            events(update, {**update, "text": why}, {**update, "text": why}),
            DROP,
            events(
                {**update, "text": why},
                {"kind": "attempt_released", "attempt": 1, "text": "root: a deadline tonight"},
                {"kind": "succeeded", "state": "succeeded", "attempt": 2},
            ),
        )
        scripted.on(RESULT, DONE)
        client.job(53).result()
        assert capsys.readouterr().err.splitlines()[1:] == [
            f"mlq job 53: {why}",
            "mlq job 53: attempt 1 was released: root: a deadline tonight",
            "mlq job 53: succeeded",
        ]

    @pytest.mark.parametrize("simulated", [False, True])
    def test_a_deadline_is_told_and_that_it_is_off(
        self,
        simulated: bool,
        scripted: Scripted,
        client: mlq.Client,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        at = datetime.now().astimezone().replace(microsecond=123456)
        told = "root: new driver; this job is stopped then and waits again"
        zone = timezone.utc
        ends = at.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S.12345Z")
        closing: dict[str, object] = {"at": ends, "what": "gpu1"}
        closing.update(by="root: new driver", then="requeue")
        if simulated:
            closing["simulated"] = True
        label = " (simulated)" if simulated else ""
        update = {"kind": "update", "state": "running", "attempt": 1}
        update.update(progress=0, progress_text="[started]")
        scripted.on("GET /jobs/53", details("running"))
        scripted.on("GET /jobs/53/logs", Reply(200, {"Content-Type": "text/plain"}, b""))
        scripted.on(
            "GET /jobs/53/events",
            events(
                {**update, "closing": closing},
                {**update, "closing": closing, "progress": 1, "progress_text": "1"},
                update,
                update,
                {"kind": "succeeded", "state": "succeeded", "attempt": 1},
            ),
        )
        scripted.on(RESULT, DONE)
        client.job(53).result()
        assert capsys.readouterr().err.splitlines()[1:] == [
            f"mlq job 53: gpu1{label} is closed at {at:%H:%M:%S} by {told}",
            "mlq job 53: where it runs is not closed any more; it may go on",
            "mlq job 53: succeeded",
        ]

    def test_how_long_it_waited_is_told_however_quickly_it_was_taken(
        self, scripted: Scripted, client: mlq.Client, capsys: pytest.CaptureFixture[str]
    ) -> None:
        limit = {"timeout_s": 86400.0, "timeout_from": "server-default"}
        scripted.on("GET /jobs/53", details("running", name="train", **limit))
        scripted.on("GET /jobs/53/logs", Reply(200, {"Content-Type": "text/plain"}, b""))
        scripted.on("GET /jobs/53/events", events(*history(), succeeded()))
        scripted.on(RESULT, DONE)
        client.job(53).result()
        assert capsys.readouterr().err.splitlines() == [
            "mlq job 53 train: running on gpu1, queued for 0.2 s, limit 24h (the server's default)",
            "mlq job 53 train: succeeded in 12.3 s on gpu1",
        ]

    def test_why_it_failed_is_told_once(
        self, scripted: Scripted, client: mlq.Client, capsys: pytest.CaptureFixture[str]
    ) -> None:
        died = {"kind": "attempt_failed", "attempt": 1, "text": "died of SIGSEGV"}
        ended = {
            "kind": "failed",
            "state": "failed",
            "attempt": 1,
            "text": "killed: died of SIGSEGV",
        }
        scripted.on("GET /jobs/53", details("running"))
        scripted.on("GET /jobs/53/logs", Reply(200, {"Content-Type": "text/plain"}, b""))
        update = {"kind": "update", "state": "running", "attempt": 1}
        scripted.on("GET /jobs/53/events", events(update, died, ended))
        scripted.on(RESULT, problem("job-failed", 409, "killed: died of SIGSEGV", reason="killed"))
        with pytest.raises(mlq.JobLost):
            client.job(53).result()
        assert capsys.readouterr().err.splitlines()[1:] == [
            "mlq job 53: attempt 1 failed: died of SIGSEGV",
            "mlq job 53: failed",
        ]

    def test_an_interrupt_leaves_the_job_and_says_how_to_come_back(
        self, scripted: Scripted, client: mlq.Client, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def interrupt(_: Request) -> Reply:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            return DROP

        scripted.on("GET /jobs/53", details("running"))
        scripted.on("GET /jobs/53/events", interrupt)
        with pytest.raises(KeyboardInterrupt):
            client.job(53).result()
        assert "mlq.job(53).result() waits again" in capsys.readouterr().err
        assert not scripted.asked("DELETE /jobs/53")

    def test_of_a_job_that_nobody_heard_of_nothing_is_promised(
        self, scripted: Scripted, client: mlq.Client, capsys: pytest.CaptureFixture[str]
    ) -> None:
        scripted.on("GET /jobs/53", DROP)
        with pytest.raises(TimeoutError):
            client.job(53).result(timeout=0.2)
        assert capsys.readouterr().err == (
            "mlq job 53: nothing was heard of it yet; "
            "mlq.job(53).result() asks again, .cancel() stops it\n"
        )

    def test_an_interrupt_of_run_cancels_it(self, scripted: Scripted, client: mlq.Client) -> None:
        def interrupt(_: Request) -> Reply:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            return DROP

        scripted.on("POST /jobs", as_json(53, 201))
        scripted.on("GET /jobs/53", details("running"))
        scripted.on("GET /jobs/53/events", interrupt)
        scripted.on("DELETE /jobs/53", as_json({"id": 53, "state": "running", "already": False}))
        with pytest.raises(KeyboardInterrupt):
            client.run(len, "x")
        assert scripted.asked("DELETE /jobs/53")

    def test_nothing_from_another_thread(
        self, scripted: Scripted, client: mlq.Client, capsys: pytest.CaptureFixture[str]
    ) -> None:
        scripted.on(RESULT, DONE)
        values: list[str] = []
        thread = threading.Thread(target=lambda: values.append(client.job(53).result()))
        thread.start()
        thread.join(10)
        assert values == ["value"]
        assert capsys.readouterr() == ("", "")


class TestLogs:
    def test_at_once(self, scripted: Scripted, client: mlq.Client) -> None:
        scripted.on("GET /jobs/53/logs", Reply(200, {"Content-Type": "text/plain"}, b"a\xffb\r\n"))
        assert client.job(53).logs() == "a\N{REPLACEMENT CHARACTER}b\r\n"

    def test_followed_over_two_attempts(self, scripted: Scripted, client: mlq.Client) -> None:
        texts = {"1": b"first\n", "2": b"second\n"}

        def logs(request: Request) -> Reply:
            body = texts[request.query["attempt"]][int(request.query["offset"]) :]
            return Reply(200, {"Content-Type": "text/plain"}, body)

        scripted.on("GET /jobs/53/logs", logs)
        scripted.on(
            "GET /jobs/53/events",
            events(
                {"kind": "attempt_lost", "attempt": 1},
                {"kind": "update", "state": "running", "attempt": 2},
                {"kind": "succeeded", "state": "succeeded", "attempt": 2},
            ),
        )
        assert list(client.job(53).logs(follow=True)) == ["first\n", "second\n"]

    def test_of_an_unknown_job(self, scripted: Scripted, client: mlq.Client) -> None:
        scripted.on("GET /jobs/53/events", problem("not-found", 404, "no such job"))
        with pytest.raises(mlq.MlqError, match="no such job"):
            list(client.job(53).logs(follow=True))
