"""Requests: what is tried again, what is refused, and which error a code becomes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

import mlq
from conftest import REPOSITORY, free_port
from mlq import _errors
from scripted import DROP, Reply, as_json, problem

if TYPE_CHECKING:
    from scripted import Scripted

ROUTE = "GET /jobs/53"
DETAILS = as_json({"id": 53, "state": "queued"})


def test_the_token_goes_in_a_header_only(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on(ROUTE, DETAILS)
    client.job(53).details()
    request = scripted.requests[0]
    assert request.headers["Authorization"] == "Bearer secret"
    assert request.headers["User-Agent"] == f"mlq-python/{mlq.__version__}"
    assert request.query == {}


@pytest.mark.parametrize(
    "answer",
    [DROP, problem("store-unavailable", 503), problem("too-many-requests", 429), Reply(raw=b"\0")],
)
def test_what_passes_is_tried_again(scripted: Scripted, client: mlq.Client, answer: Reply) -> None:
    scripted.on(ROUTE, answer, answer, DETAILS)
    assert client.job(53).details()["state"] == "queued"
    assert len(scripted.requests) == 3


def test_a_full_quota_is_not(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on(ROUTE, problem("quota", 429, headers={"Retry-After": "0"}))
    with pytest.raises(mlq.QuotaExceeded):
        client.job(53).details()
    assert len(scripted.requests) == 1


def test_later_than_anybody_waits(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on(ROUTE, problem("store-full", 503, "full", headers={"Retry-After": "3600"}))
    with pytest.raises(mlq.Unavailable, match="full") as caught:
        client.job(53).details()
    assert caught.value.code == "store-full"
    assert caught.value.request_id == "r1"
    assert len(scripted.requests) == 1


def test_nobody_answers() -> None:
    client = mlq.Client(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(mlq.Unavailable, match=r"Connection refused.*mlq dev") as caught:
        client._transport.request("GET", "/healthz", patience=0.0)
    assert isinstance(caught.value, ConnectionError)


def test_a_retry_that_may_not_be_repeated(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on("POST /jobs/53/requeue", DROP, as_json(54, 201))
    with pytest.raises(mlq.Unavailable):
        client.job(53).retry()
    assert len(scripted.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Reply(200, {"Content-Type": "text/html"}, b"<html>login</html>"),
        Reply(404, {"Content-Type": "text/html"}, b"<html>nginx</html>"),
        Reply(200, {"Content-Type": "application/json"}, b'{"id": 53'),
        Reply(200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"x"),
        Reply(301, {"Location": "https://elsewhere.example/"}),
        as_json({"id": 54, "state": "queued"}),
        as_json([]),
        problem("not-found", 404, "no such job"),
    ],
)
def test_all_other_answers_are_errors_of_ours(
    scripted: Scripted, client: mlq.Client, answer: Reply
) -> None:
    scripted.on(ROUTE, answer)
    with pytest.raises(mlq.MlqError):
        client.job(53).details()
    assert len(scripted.requests) == 1


def test_an_answer_that_is_too_large(scripted: Scripted, client: mlq.Client) -> None:
    size = str(65 << 20)
    scripted.on(ROUTE, Reply(200, {"Content-Type": "application/json", "Content-Length": size}))
    with pytest.raises(mlq.MlqError, match="larger than"):
        client.job(53).details()


@pytest.mark.parametrize(("code", "expected"), _errors.BY_CODE.items())
def test_codes_become_exceptions(
    scripted: Scripted, client: mlq.Client, code: str, expected: type[mlq.MlqError]
) -> None:
    scripted.on(ROUTE, problem(code, 422, "because"))
    with pytest.raises(expected, match="because") as caught:
        client.job(53).details()
    assert (caught.value.code, caught.value.status) == (code, 422)


@pytest.mark.parametrize(
    ("there", "here"),
    [
        (
            '/request/timeout: want seconds, or a text as "90s"',
            'timeout: want seconds, or a text as "90s"',
        ),
        ("/3/request/labels/data: want text", "labels/data: want text"),
        ("/gpus: want a number", "gpus: want a number"),
        ("no host has /dev/x: look", "no host has /dev/x: look"),
        ("/no such: place", "/no such: place"),
    ],
)
def test_a_field_is_named_as_in_the_call(
    scripted: Scripted, client: mlq.Client, there: str, here: str
) -> None:
    """The server names a place in what was sent, which nobody wrote by hand."""
    scripted.on("POST /jobs", problem("bad-field", 422, there))
    with pytest.raises(mlq.MlqError) as caught:
        client.submit(len, "x")
    assert str(caught.value) == here


def test_who_has_no_token_is_told_where_it_goes(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on(ROUTE, problem("unauthorized", 401, "no token"))
    with pytest.raises(mlq.Unauthorized) as caught:
        client.job(53).details()
    assert str(caught.value) == "no token. In Python: MLQ_TOKEN, or mlq.connect(url, token)"


def test_the_server_names_the_same_exceptions() -> None:
    """Its table of errors and ours agree, code by code."""
    table = (REPOSITORY / "api" / "problem.go").read_text()
    names = dict(re.findall(r'^\t(Code\w+)\s+Code = "([\w-]+)"', table, re.M))
    rows = re.findall(r'^\t\{(\w+|"[\w-]+"), \d+, .*, "(\w+)"\},$', table, re.M)
    assert len(rows) > 30
    for constant, name in rows:
        code = names.get(constant, constant.strip('"'))
        assert _errors.BY_CODE.get(code, mlq.MlqError).__name__ == name, code


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    text = _errors.__doc__ or ""
    for error in _errors.PUBLIC:
        assert re.search(rf"\b{error.__name__}\b", text), error
    for code in _errors.BY_CODE:
        assert re.search(rf"[\[ ]{re.escape(code)}[\],:]", text), code


def test_json_of_problems_survives_odd_values(scripted: Scripted, client: mlq.Client) -> None:
    body = json.dumps({"code": 7, "detail": None, "title": ["x"]}).encode()
    scripted.on(ROUTE, Reply(400, {"Content-Type": "application/problem+json"}, body))
    with pytest.raises(mlq.MlqError):
        client.job(53).details()


def of_version(version: str) -> Reply:
    return DETAILS._replace(headers={**DETAILS.headers, "Mlq-Client": version})


def test_a_server_of_another_version_is_warned_of_once(
    scripted: Scripted, client: mlq.Client
) -> None:
    scripted.on(ROUTE, of_version("99.0.1"))
    with pytest.warns(UserWarning, match=r"goes with 99\.0\.1: pip install it from .*/client/$"):
        client.job(53).details()
    client.job(53).details()  # warnings are errors in these tests


def test_a_server_of_a_version_that_fits_is_not(scripted: Scripted, client: mlq.Client) -> None:
    fits = ".".join([*mlq.__version__.split(".")[:2], "99"])
    scripted.on(ROUTE, of_version(fits))
    client.job(53).details()
