"""Requests from within a job, over real connections to a server that answers as told."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Callable

import pytest

import mlq
from mlq._config import Settings
from mlq._context import Context
from mlq._line import Line, patience
from scripted import DROP, Reply, Request, as_json, problem

if TYPE_CHECKING:
    from scripted import Scripted


def patient() -> Callable[[float], bool]:
    return patience(10.0, lambda _pause: None)


def line(scripted: Scripted) -> Line:
    return Line(Settings(scripted.url, "secret"))


@pytest.mark.parametrize(
    "first",
    [
        DROP,
        problem("busy", 503, headers={"Retry-After": "0"}),
        problem("too-many-requests", 429),
        Reply(404, {"Content-Type": "text/html"}, b"<html>"),  # of a proxy, not of MLQ
        Reply(200, {"Content-Type": "text/html"}, b"<html>sign in"),
        Reply(302, {"Location": "/login"}),
    ],
    ids=["lost", "busy", "later", "foreign", "page", "redirect"],
)
def test_an_answer_that_did_not_come_is_asked_for_again(scripted: Scripted, first: Reply) -> None:
    scripted.on("POST /jobs", first, first, as_json(53, 201))
    answer = line(scripted).ask("POST", "/jobs", body=b"{}", more=patient())
    assert (answer.status, answer.body) == (201, b"53")
    assert [request.body for request in scripted.asked("POST /jobs")] == [b"{}"] * 3
    assert scripted.requests[0].headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (problem("quota", 429, "enough"), mlq.QuotaExceeded),
        (problem("unsatisfiable", 422), mlq.Unsatisfiable),
        (problem("disk-full", 507), mlq.Unavailable),
    ],
)
def test_a_refusal_is_not_asked_for_again(
    scripted: Scripted, reply: Reply, error: type[Exception]
) -> None:
    scripted.on("POST /jobs", reply)
    with pytest.raises(error):
        line(scripted).ask("POST", "/jobs", more=patient())
    assert len(scripted.requests) == 1


def test_no_server_is_unavailable_once_patience_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(mlq.Unavailable, match=f"no answer from http://127.0.0.1:{port}"):
        Line(Settings(f"http://127.0.0.1:{port}")).ask("GET", "/healthz", more=lambda _pause: False)


def test_one_connection_serves_a_thread(scripted: Scripted) -> None:
    threads = set()

    def note(_request: Request) -> Reply:
        threads.add(threading.get_ident())  # the server has one for each connection
        return as_json({})

    scripted.on("GET /x", note)
    asking = line(scripted)
    for _ in range(3):
        asking.ask("GET", "/x", more=patient())
    assert len(threads) == 1


def test_a_job_posts_once_though_the_answer_is_lost(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLQ_URL", scripted.url)
    monkeypatch.setenv("MLQ_TOKEN", "attempt")
    scripted.on("POST /jobs", DROP, as_json(54, 201))
    posted = Context({}, None).post({"image": b"\x00"}, "http://a/b", functions=("f",))
    assert posted == "54"
    first, second = scripted.asked("POST /jobs")
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.body == (
        b'{"msg": {"image": {"py/b64": "AA=="}}, "callback": "http://a/b", "functions": ["f"]}'
    )
    with pytest.raises(TypeError, match=r"functions is a list of names: \['f'\]"):
        Context({}, None).post(1, functions="f")


@pytest.mark.parametrize("module", ["_posting", "_sharing", "_config", "_serve", "_listener"])
def test_a_job_s_environment_needs_no_urllib3(module: str) -> None:
    program = f"import sys; sys.modules['urllib3'] = None; import mlq, mlq.{module}, mlq._line"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
