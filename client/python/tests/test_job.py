"""A job as a Future, seen from its holder."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import pickle
import queue
import signal
import threading
from concurrent.futures import Future
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

import envelopes
import mlq
import mlq._default
from scripted import DROP, Reply, as_json, problem

if TYPE_CHECKING:
    from pathlib import Path

    from scripted import Request, Scripted

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


def test_it_has_what_a_future_has() -> None:
    public = {name for name, _ in inspect.getmembers(Future) if not name.startswith("_")}
    internal = {"set_result", "set_exception", "set_running_or_notify_cancel"}
    assert public - internal <= set(dir(mlq.Job))


def test_states(scripted: Scripted, client: mlq.Client) -> None:
    job = client.job(53)
    scripted.on("GET /jobs/53", details("running"))
    assert (job.running(), job.done(), job.cancelled()) == (True, False, False)
    scripted.on("GET /jobs/53", details("cancelled"))
    assert (job.running(), job.done(), job.cancelled()) == (False, True, True)
    asked = len(scripted.requests)
    assert job.done()
    assert len(scripted.requests) == asked, "a final state is asked for once"


def test_position_and_progress(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on("GET /jobs/53", details("queued", position=3, progress="[queued; not started]"))
    job = client.job(53)
    assert (job.position, job.progress) == (3, "[queued; not started]")
    scripted.on("GET /jobs/53", details("running", progress={"done": 1, "total": 2}))
    assert (job.position, job.progress) == (None, {"done": 1, "total": 2})


def test_why(scripted: Scripted, client: mlq.Client) -> None:
    answer = {
        "position": 2,
        "reasons": [{"code": "devices-busy", "text": "all 8 devices are in use"}],
        "estimate": {"earliest_s": 1.5, "latest_s": 60.0, "basis": "the last 20 jobs"},
    }
    scripted.on("GET /jobs/53/why", as_json(answer))
    why = client.job(53).why()
    assert why == (2, [("devices-busy", "all 8 devices are in use")], 1.5, 60.0, "the last 20 jobs")
    assert str(why) == "all 8 devices are in use"


@pytest.mark.parametrize(
    ("state", "already", "expected"),
    [
        ("cancelled", False, True),
        ("running", False, True),
        ("cancelled", True, True),
        ("succeeded", True, False),
        ("failed", True, False),
    ],
)
def test_cancel(
    scripted: Scripted, client: mlq.Client, state: str, already: bool, expected: bool
) -> None:
    scripted.on("DELETE /jobs/53", as_json({"id": 53, "state": state, "already": already}))
    assert client.job(53).cancel() is expected


def test_link_asks_for_one_thing(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on("POST /jobs/53/links", as_json({"url": "https://lab/jobs/53/logs?sig=x"}, 201))
    assert client.job(53).link("logs", ttl="24h") == "https://lab/jobs/53/logs?sig=x"
    client.job(53).link()
    sent = [json.loads(r.body) for r in scripted.asked("POST /jobs/53/links")]
    assert sent == [{"path": "logs", "ttl": "24h"}, {"path": "result", "ttl": "1h"}]


def test_retry_is_a_new_job(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on("POST /jobs/53/requeue", as_json(54, 201))
    assert client.job(53).retry().id == 54


def test_repr_asks_nothing(scripted: Scripted, client: mlq.Client) -> None:
    job = client.job(53)
    assert repr(job) == "<mlq.Job 53>"
    assert "53" in job._repr_html_()
    assert not scripted.requests
    scripted.on("GET /jobs/53", details("running", name="<script>x"))
    assert job.running()
    assert repr(job) == "<mlq.Job 53 <script>x running>"
    assert "&lt;script&gt;x" in job._repr_html_()


def test_a_pickle_keeps_id_and_server_and_no_token(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = mlq.Client(scripted.url, "secret").job(53)
    sent = pickle.dumps(job)
    assert b"secret" not in sent
    back = pickle.loads(sent)
    assert back == job
    assert hash(back) == hash(job)
    assert back._client._transport.settings.token is None
    monkeypatch.setenv("MLQ_URL", scripted.url)
    monkeypatch.setenv("MLQ_TOKEN", "of-the-environment")
    monkeypatch.setattr(mlq._default, "_client", None)
    assert pickle.loads(sent)._client._transport.settings.token == "of-the-environment"


@pytest.mark.parametrize("wrong", [0, -1, "x", "1.5"])
def test_what_is_no_id(client: mlq.Client, wrong: Any) -> None:
    with pytest.raises(ValueError):
        client.job(wrong)


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
        update = {"kind": "update", "state": "running", "attempt": 1, "progress": "[started]"}
        scripted.on("GET /jobs/53", details("running"))
        scripted.on("GET /jobs/53/logs", Reply(200, {"Content-Type": "text/plain"}, b""))
        scripted.on(
            "GET /jobs/53/events",
            events(
                {**update, "closing": closing},
                {**update, "closing": closing, "progress": 1},
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


class TestFiles:
    @pytest.fixture
    def files(self, scripted: Scripted) -> dict[str, bytes]:
        return {"model.bin": b"\0" * 3000, "plots/loss ü.png": b"png"}

    def offer(self, scripted: Scripted, files: dict[str, bytes]) -> None:
        listed = [
            {"name": name, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
            for name, body in files.items()
        ]
        scripted.on("GET /jobs/53/files", as_json({"files": listed}))
        scripted.on("GET /jobs/53/files/model.bin", Reply(200, {}, files.get("model.bin", b"")))
        scripted.on("GET /jobs/53/files/plots/loss%20%C3%BC.png", Reply(200, {}, b"png"))

    def test_download(
        self, scripted: Scripted, client: mlq.Client, files: dict[str, bytes], tmp_path: Path
    ) -> None:
        self.offer(scripted, files)
        assert [(f.name, f.size) for f in client.job(53).files()] == [
            ("model.bin", 3000),
            ("plots/loss ü.png", 3),
        ]
        written = client.job(53).download(tmp_path / "new")
        assert written == [tmp_path / "new" / name for name in files]
        assert [path.read_bytes() for path in written] == list(files.values())

    def test_a_damaged_file_is_not_kept(
        self, scripted: Scripted, client: mlq.Client, files: dict[str, bytes], tmp_path: Path
    ) -> None:
        self.offer(scripted, files)
        for wrong in (b"\1" * 3000, b"\0" * 3001, b"\0" * 2999):
            scripted.on("GET /jobs/53/files/model.bin", Reply(200, {}, wrong))
            with pytest.raises(mlq.MlqError, match=r"model\.bin is"):
                client.job(53).download(tmp_path)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "a\\b", "", "a//b", "./a"])
    def test_no_file_leaves_the_directory(
        self, scripted: Scripted, client: mlq.Client, tmp_path: Path, name: str
    ) -> None:
        self.offer(scripted, {name: b"x"})
        with pytest.raises(mlq.MlqError, match="no name of a file"):
            client.job(53).download(tmp_path / "below")
        assert list(tmp_path.iterdir()) == []
