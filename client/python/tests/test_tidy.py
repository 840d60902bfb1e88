"""Tracebacks of errors that are raised on purpose: the user's own frames and nothing of ours."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import envelopes
import mlq
from mlq import _tidy
from scripted import DROP, Reply, as_json, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scripted import Request, Scripted

PACKAGE = str(Path(mlq.__file__ or "").parent)


def shown(call: Callable[[], Any]) -> str:
    """What Python prints of the exception that it raises."""
    try:
        call()
    except Exception as err:  # noqa: BLE001 - whatever it is
        return "".join(traceback.format_exception(type(err), err, err.__traceback__))
    raise AssertionError("nothing was raised")


def ours(text: str) -> list[str]:
    """The lines of it that are of this package, or of what carries for it."""
    named = (PACKAGE, "urllib3", "cloudpickle", f"{os.sep}http{os.sep}")
    lines = [line for line in text.splitlines() if any(name in line for name in named)]
    # Before 3.11 the function that is called by the user cannot be left out.
    return lines[:-1] if sys.version_info < (3, 11) and "_tidy.py" in lines[-1] else lines


@pytest.fixture
def away() -> Iterator[mlq.Client]:
    with mlq.Client("http://127.0.0.1:1") as made:
        yield made


@pytest.fixture
def failing(scripted: Scripted, client: mlq.Client) -> mlq.Job[Any]:
    body = envelopes.error(KeyError("lr"), type="KeyError", traceback='  File "nb.py", line 3\n')
    details = {"id": 53, "state": "failed", "result_info": {"sha256": envelopes.digest(body)}}
    scripted.on("GET /jobs/53", as_json(details))
    scripted.on("GET /jobs/53/result", envelopes.reply(body, 409))
    return client.job(53)


def test_a_call_that_is_refused(client: mlq.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlq._default._client", client)
    text = shown(lambda: mlq.submit(len, tiemout=3))
    assert "did you mean 'timeout'" in text
    assert ours(text) == []
    assert ours(shown(lambda: mlq.options(gpus=1).submit(len([])))) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda c: c.submit(), "missing 1 required positional argument: 'fn'"),
        (lambda c: c.job(1).result(nope=3), "unexpected keyword argument 'nope'"),
        (lambda c: c.map(abs), "map needs at least one iterable"),
        (lambda c: c.map(abs, 5), "'int' object is not iterable: map takes a function and"),
        (lambda c: c.options(gpus=1).map(pow, [1], 2), "'int' object is not iterable: map"),
        (
            lambda c: c.options().executor().map(abs, 5, chunksize=2),
            "'int' object is not iterable: map",
        ),
    ],
)
def test_a_call_of_ours_that_does_not_fit(
    client: mlq.Client, call: Callable[[Any], Any], said: str
) -> None:
    text = shown(lambda: call(client))
    assert said in text.splitlines()[-1]
    assert ours(text) == []


@pytest.mark.parametrize(
    "wait",
    [
        lambda job: list(mlq.as_completed([job])),
        lambda job: list(mlq.JobList([job]).as_completed()),
        lambda job: mlq.wait([job]),
    ],
    ids=["as_completed", "of a list", "wait"],
)
def test_an_interrupt(
    scripted: Scripted, client: mlq.Client, wait: Callable[[mlq.Job[Any]], Any]
) -> None:
    over = threading.Event()

    def interrupt(_: Request) -> Reply:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        over.wait(20)
        return DROP

    scripted.on("GET /jobs/53", as_json({"id": 53, "state": "running"}))
    scripted.on("GET /events", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        wait(client.job(53))
    scripted.on("GET /events", as_json({}, 404))
    over.set()
    assert ours("".join(traceback.format_exception(caught.type, caught.value, caught.tb))) == []


@pytest.mark.parametrize("job_id", ["x", "", "1.5", 2.5, None, True, 0, "-3", b"5"])
def test_an_id_that_is_none(client: mlq.Client, job_id: Any) -> None:
    text = shown(lambda: client.job(job_id))
    line = f"ValueError: a job's id is a whole number from 1, not {job_id!r}"
    assert text.splitlines()[-1] == line
    assert ours(text) == []
    assert client.job(" 53 ").id == client.job(53).id == 53


def test_what_cannot_be_sent(client: mlq.Client) -> None:
    text = shown(lambda: client.submit(len, [sys._getframe()]))
    assert "NotSerializable: cannot send args[0][0] (builtins.frame)" in text
    assert "direct cause" not in text, "the text says it all"
    assert ours(text) == []


class Stubborn:
    def __getstate__(self) -> Any:
        return {"half": 1 / 0}


def test_code_of_the_users_that_pickling_calls_is_shown(client: mlq.Client) -> None:
    text = shown(lambda: client.submit(len, [Stubborn()]))
    assert 'return {"half": 1 / 0}' in text
    assert "args[0][0]" in text
    assert ours(text) == []


def test_code_of_the_users_that_map_calls_is_shown(client: mlq.Client) -> None:
    def numbers() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    text = shown(lambda: client.map(abs, numbers()))
    assert 'raise LookupError("no more")' in text
    assert ours(text) == []


def test_a_server_that_is_not_there(away: mlq.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlq._tries.Tries._wait", at_once)
    text = shown(lambda: away.submit(len, "x"))
    assert text.splitlines()[-1].startswith("mlq.Unavailable: no answer from http://127.0.0.1:1 (")
    assert len(text.splitlines()) < 15
    assert ours(text) == []


def at_once(_: object, error: mlq.MlqError, _seconds: float, cause: Exception | None) -> None:
    raise error from cause


def test_an_answer_of_the_server(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on("GET /jobs/53", problem("not-found", 404, "there is no job 53"))
    text = shown(lambda: client.job(53).state)
    assert text.splitlines()[-1] == "mlq.MlqError: there is no job 53"
    assert ours(text) == []


def test_the_exception_of_a_job(failing: mlq.Job[Any]) -> None:
    for _ in range(2):
        text = shown(lambda: failing.result(stream=False))
        assert 'File "nb.py", line 3' in text
        assert text.index("nb.py") < text.index("test_tidy.py"), "what comes first is first"
        assert ours(text) == []


def test_the_exception_of_a_job_as_it_is_awaited(failing: mlq.Job[Any], scripted: Scripted) -> None:
    ended = 'id: 1.1\nevent: state\ndata: {"kind": "failed", "job": 53, "state": "failed"}\n\n'
    scripted.on("GET /events", Reply(200, {"Content-Type": "text/event-stream"}, ended.encode()))

    async def wait() -> Any:
        return await failing

    text = shown(lambda: asyncio.run(wait()))
    assert 'File "nb.py", line 3' in text
    assert ours(text) == []


def test_what_the_user_handles_meanwhile_stays(client: mlq.Client) -> None:
    def both() -> Any:
        try:
            return os.environ["FIRST"]
        except KeyError:
            return client.submit(len, tiemout=3)

    assert 'return os.environ["FIRST"]' in shown(both)


def test_a_log_that_is_followed(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on("GET /jobs/53/logs", problem("not-found", 404, "there is no job 53"))
    scripted.on("GET /events", problem("not-found", 404, "there is no job 53"))
    assert ours(shown(lambda: list(client.job(53).logs(follow=True)))) == []


def test_a_mistake_of_ours_keeps_its_frames(
    client: mlq.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlq._client.Sender", None)
    text = shown(lambda: client.submit(len, "x"))
    assert "'NoneType' object is not callable" in text
    assert f'File "{PACKAGE}/_client.py"' in text


def test_all_frames_where_they_are_asked_for(
    client: mlq.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLQ_TRACEBACK", "full")
    assert ours(shown(lambda: client.submit(len, tiemout=3)))


def test_public_functions_are_sent_by_their_name() -> None:
    for function in (mlq.submit, mlq.wait, mlq.Job.result):
        assert pickle.loads(pickle.dumps(function)) is function


def test_a_generator_that_is_left_early_is_closed() -> None:
    closed = []

    def numbers() -> Iterator[int]:
        try:
            yield 1
        finally:
            closed.append(True)

    made = _tidy.public(numbers)()
    assert next(made) == 1
    made.close()  # type: ignore[attr-defined]
    assert closed
