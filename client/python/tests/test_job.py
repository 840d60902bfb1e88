"""A job as a Future, seen from its holder."""

from __future__ import annotations

import inspect
import json
import pickle
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

import mlq
import mlq._default
from scripted import as_json
from told import details

if TYPE_CHECKING:
    from scripted import Scripted


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
    scripted.on(
        "GET /jobs/53",
        details("queued", position=3, progress=None, progress_text="[queued; not started]"),
    )
    job = client.job(53)
    assert (job.position, job.progress) == (3, None)
    assert job.progress_text == "[queued; not started]"
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
