"""A proxy that answers with a page of its own in place of MLQ, whatever is asked."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import pytest

import mlq
from mlq._envelope import MEDIA_TYPE
from scripted import Reply

if TYPE_CHECKING:
    from scripted import Scripted

PAGE = b"<!doctype html><html><body>Please log in</body></html>"
HTML = {"Content-Type": "text/html; charset=utf-8"}
PACKAGE = str(Path(mlq.__file__ or "").parent)

ASKED: dict[str, Callable[[mlq.Client, Path], Any]] = {
    "submit": lambda client, _: client.submit(len, "x"),
    "submit of much": lambda client, _: client.submit(len, b"x" * (2 << 20)),
    "map": lambda client, _: client.map(len, ["x", "y"]),
    "result": lambda client, _: client.job(53).result(),
    "result in silence": lambda client, _: client.job(53).result(stream=False),
    "exception": lambda client, _: client.job(53).exception(),
    "results of many": lambda client, _: mlq.JobList([client.job(53), client.job(54)]).results(),
    "logs": lambda client, _: client.job(53).logs(),
    "logs as they come": lambda client, _: list(client.job(53).logs(follow=True)),
    "state": lambda client, _: client.job(53).state,
    "why": lambda client, _: client.job(53).why(),
    "cancel": lambda client, _: client.job(53).cancel(),
    "retry": lambda client, _: client.job(53).retry(),
    "files": lambda client, _: client.job(53).files(),
    "link": lambda client, _: client.job(53).link(),
    "jobs": lambda client, _: client.jobs(),
    "status": lambda client, _: client.status(),
    "check": lambda client, _: client.check(len),
    "secret": lambda client, _: client.set_secret("TOKEN", "x"),
}


def at_once(_: object, error: mlq.MlqError, _seconds: float, cause: Exception | None) -> None:
    raise error from cause


@pytest.mark.parametrize("status", [200, 403, 502])
@pytest.mark.parametrize("asked", ASKED)
def test_a_page_is_no_answer(
    scripted: Scripted,
    client: mlq.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    status: int,
) -> None:
    monkeypatch.setattr("mlq._tries.Tries._wait", at_once)
    monkeypatch.setattr("mlq._follow.LONG_PATIENCE", 0.0)
    monkeypatch.setattr("mlq._watch.LONG_PATIENCE", 0.0)
    scripted.otherwise = lambda _: Reply(status, HTML, PAGE)
    with pytest.raises(mlq.MlqError) as caught:
        ASKED[asked](client, tmp_path)
    words = str(caught.value)
    assert words.startswith(f"the answer is not MLQ's: status {status} with text/html."), words
    assert "MLQ_URL" in words
    assert "log in" not in words
    assert isinstance(caught.value, mlq.Unavailable) == (status == 502)
    trace = "".join(traceback.format_tb(caught.value.__traceback__))
    assert PACKAGE not in trace


@pytest.mark.parametrize("status", [200, 409])
def test_a_page_that_is_called_an_envelope(
    scripted: Scripted, client: mlq.Client, status: int
) -> None:
    """To who reads the frames of a result, or of an exception."""
    page = Reply(status, {"Content-Type": MEDIA_TYPE, "ETag": '"0"'}, PAGE)
    scripted.on("GET /jobs/53/result", page)
    with pytest.raises(mlq.MlqError) as caught:
        client.job(53).result(stream=False)
    assert len(str(caught.value).splitlines()) == 1
    assert PACKAGE not in "".join(traceback.format_tb(caught.value.__traceback__))


def test_a_page_in_place_of_a_file(scripted: Scripted, client: mlq.Client, tmp_path: Path) -> None:
    """A file may well be a page: its SHA-256 tells."""
    listed = b'{"files": [{"name": "loss.txt", "size": 99, "sha256": "00"}]}'
    scripted.on("GET /jobs/53/files", Reply(200, {"Content-Type": "application/json"}, listed))
    scripted.on("GET /jobs/53/files/loss.txt", Reply(200, HTML, PAGE))
    with pytest.raises(mlq.MlqError, match=r"^loss\.txt is damaged"):
        client.job(53).download(tmp_path)
    assert list(tmp_path.iterdir()) == []
