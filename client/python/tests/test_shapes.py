"""An answer in which something is missing, or of another type, is refused in words: each reader
is given answers as the server gives them, in which hypothesis has broken one thing or more.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlq
from mlq import _keeper, _registered, _sse, _status, _story, _where
from mlq._answers import JSON, Answer
from mlq._held import Taken
from test_foreign import values

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

JOB = {
    "id": 9,
    "state": "running",
    "name": "train",
    "user": "ana",
    "submitted": "2026-11-26T10:00:00Z",
    "timeout_s": 60.0,
    "position": 2,
    "detail": "error: x",
    "attempts": [{"n": 1, "host": "h1", "devices": ["GPU-1"], "cause": ""}],
    "lease": {"host": "h1", "devices": ["GPU-1"]},
}
DEVICE = {
    "uuid": "GPU-1",
    "host": "h1",
    "index": 1,
    "kind": "gpu",
    "model": "NVIDIA H100",
    "state": "leased",
    "user": "ana",
    "job": 9,
    "ends_by": "2026-11-26T10:00:00Z",
    "memory": 1 << 36,
    "used": 1 << 30,
    "utilization": 50,
}
ENVIRONMENT = {"name": "base", "path": "/usr", "version": "3.11.2", "modules": {"numpy": "1.2"}}
WHY = {
    "position": 2,
    "of": 5,
    "reasons": [{"code": "busy", "text": "all are busy"}],
    "estimate": {"earliest_s": 1.5, "latest_s": 9, "basis": "limits"},
}
TAKEN = {"job": 9, "attempt": 1, "fence": 7, "msg": {}, "functions": ["f"], "lease": 30, "grace": 5}
STOP = {"stop": [{"job": 9, "outcome": "cancelled", "why": "by ana"}]}
ANSWERS: dict[str, Any] = {
    "/jobs": {"jobs": [JOB, {"id": 8, "state": "queued"}], "next": ""},
    "/jobs/9": JOB,
    "/jobs/9/why": WHY,
    "/jobs/9/files": {"files": [{"name": "a/b.txt", "size": 3, "sha256": "ab"}]},
    "/jobs/9/links": {"url": "http://x/"},
    "/gpus": {"gpus": [DEVICE]},
    "/queue": {"queue": [{"job": 9, "place": 1}]},
    "/whoami": {"user": "ana", "role": "user"},
    "/hosts": {"hosts": [{"host": "h1", "environments": [ENVIRONMENT], "labels": {"a": "b"}}]},
    "/consumer": {"functions": [{"name": "f"}]},
}


@st.composite
def broken(draw: DrawFn, whole: Any) -> Any:
    """The example with something in it that is missing, or is something else."""
    if whole and isinstance(whole, (dict, list)) and draw(st.integers(0, 4)):
        at = draw(st.sampled_from(sorted(whole) if isinstance(whole, dict) else range(len(whole))))
        copy = whole.copy()
        if draw(st.booleans()):
            copy[at] = draw(broken(whole[at]))
        else:
            del copy[at]
        return copy
    return draw(values)


def _shown(table: Any) -> None:
    assert isinstance(str(table) + repr(table) + table._repr_html_(), str)


# What each call asks for.
CALLS: dict[str, tuple[list[str], Callable[[mlq.Client], object]]] = {
    "jobs": (["/jobs", "/gpus"], lambda client: _shown(client.jobs())),
    "status": (["/whoami", "/gpus", "/queue", "/jobs"], lambda client: _shown(client.status())),
    "details": (["/jobs/9"], lambda client: client.job(9).details()),
    "state": (["/jobs/9"], lambda client: client.job(9).state),
    "why": (["/jobs/9/why"], lambda client: str(client.job(9).why())),
    "files": (["/jobs/9/files"], lambda client: [file.size + 1 for file in client.job(9).files()]),
    "link": (["/jobs/9/links"], lambda client: client.job(9).link()),
    "check": (["/hosts"], lambda client: _shown(client.check(json.dumps))),
    "look": (["/jobs", "/jobs/9"], lambda client: client._watcher._look(set(range(1, 10)))),
    "names": (["/consumer"], lambda client: sorted(_registered.names(client._transport))),
    "first": (
        ["/jobs/9", "/jobs/9/why"],
        lambda client: _told(client, lambda job: _story.at_first(9, job)),
    ),
    "attempt": (
        ["/jobs/9", "/gpus"],
        lambda client: _told(
            client, lambda job: _where.attempt_in_words(client._transport, 9, job)
        ),
    ),
}


def _told(client: mlq.Client, read: Callable[[Any], Any]) -> None:
    """The status, or whatever else is made of a job's details, in words."""
    found = read(client._transport.request("GET", "/jobs/9").object())
    if isinstance(found, _status.Status):
        why = client._transport.request("GET", "/jobs/9/why").object()
        found = found._replace(state="queued", waiting=_story.waiting_of(why))
        assert _status.as_text(found, 1.0)
        assert _status.as_html(found, 1.0)


@pytest.mark.parametrize("call", CALLS)
@given(st.data())
def test_a_broken_answer(call: str, data: st.DataObject) -> None:
    paths, read = CALLS[call]
    path = data.draw(st.sampled_from(paths))
    answers = {**ANSWERS, path: data.draw(broken(ANSWERS[path]))}

    def request(_method: str, path: str, **_: Any) -> Answer:
        return Answer(200, {"Content-Type": JSON}, json.dumps(answers.get(path, JOB)).encode())

    client = mlq.Client("http://127.0.0.1:1", "secret")
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(mlq.MlqError):
        patch.setattr(client._transport, "request", request)
        read(client)


@pytest.mark.parametrize("call", CALLS)
def test_a_whole_answer(call: str) -> None:
    """What is broken above is read when it is not."""
    client = mlq.Client("http://127.0.0.1:1", "secret")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            client._transport,
            "request",
            lambda _method, path, **_: Answer(
                200, {"Content-Type": JSON}, json.dumps(ANSWERS.get(path, JOB)).encode()
            ),
        )
        CALLS[call][1](client)


@given(broken(TAKEN))
def test_a_broken_take(answer: Any) -> None:
    with contextlib.suppress(mlq.MlqError):
        taken = Taken.of(answer).within(5)
        assert taken.timeout <= 5


@pytest.mark.parametrize("field", ["lease", "timeout", "grace"])
@pytest.mark.parametrize("told", ["NaN", "Infinity", "-Infinity", '"nan"'])
def test_a_take_with_a_time_that_is_no_number(field: str, told: str) -> None:
    """json.loads reads them; with such a lease a job would never be anybody else's."""
    answer = {**TAKEN, field: json.loads(told)}
    with pytest.raises(mlq.MlqError, match="no job to run as MLQ tells it"):
        Taken.of(answer)


@given(broken(STOP))
def test_a_broken_answer_to_a_heartbeat(answer: Any) -> None:
    """It stops nothing that it does not name, and ends the keeper in no way."""
    stops: list[str] = []

    class Held:
        taken = Taken.of(TAKEN)

        def renew(self, since: float) -> None:
            assert since == 1.0

        def stop(self, outcome: str, why: str) -> None:
            stops.append(outcome + why)

    held: Any = Held()
    nobody: Any = None
    with contextlib.suppress(mlq.MlqError):
        _keeper.Keeper._renewed(nobody, held, 1.0, answer)
    assert len(stops) <= 1


@given(broken({"kind": "succeeded", "job": 9}))
def test_a_broken_event_of_all_jobs(event: Any) -> None:
    """Only of an MlqError the watcher tells those who wait; by another its thread would end."""
    watcher = mlq.Client("http://127.0.0.1:1", "secret")._watcher
    watcher._waiting = {9: [lambda *_: None]}
    data = event if isinstance(event, dict) else {}
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(mlq.MlqError):
        patch.setattr("mlq._watch.stream", lambda *_: iter([_sse.ServerEvent("", data)]))
        patch.setattr(watcher, "_look", lambda _: None)
        list(watcher._watch())
