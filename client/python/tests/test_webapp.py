"""The example of a web application, from the request to the callback."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

import mlq
from conftest import REPOSITORY, dev, free_port
from consuming import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = REPOSITORY / "examples" / "webapp"


class App:
    """The backend's address, and what asks it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str, bytes]:
        """Status, address after redirects, content."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, body, named)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.url, answer.read()
        except urllib.error.HTTPError as err:
            with err:
                return err.code, err.url or "", err.read()

    def json(self, path: str, body: Any = None) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        _, _, content = self.ask(
            path, sent, Content_Type="application/json", Accept="application/json"
        )
        return json.loads(content)

    def is_up(self) -> bool:
        with contextlib.suppress(OSError):
            return self.ask("/")[0] == 200
        return False


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Server, backend and worker, as the page of the example starts them."""
    assert importlib.util.find_spec("flask"), "Flask is in the extra `test` of client/python"
    port = free_port()
    with dev(tmp_path_factory.mktemp("webapp"), "cpu:1") as server, contextlib.ExitStack() as ends:
        env = {name: value for name, value in os.environ.items() if not name.startswith("MLQ_")}
        env |= {"MLQ_URL": server.url, "PORT": str(port), "XDG_CONFIG_HOME": str(server.data)}
        env["PYTHONPATH"] = os.path.dirname(os.path.dirname(mlq.__file__))
        for script in ("backend.py", "worker.py"):
            log = ends.enter_context((server.data / f"{script}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, script], cwd=EXAMPLE, env=env, stdout=log, stderr=log
            )
            ends.enter_context(process)
            ends.callback(process.kill)
        made = App(port)
        wait_for(made.is_up)
        yield made


def test_from_the_request_to_the_callback(app: App) -> None:
    posted = app.json("/primes", {"below": 1000})
    job_id = posted["job_id"]
    wait_for(lambda: app.json(posted["status"])["progress"] == "[completed]")
    wait_for(lambda: app.json(f"/result/{job_id}")["called_back"])
    assert app.json(f"/result/{job_id}") == {
        "short_result": "168",
        "result": {"count": 168, "largest": 997},
        "called_back": {"success": "1", "job_id": job_id, "short_result": "168"},
    }


def test_a_form_leads_to_the_page_of_its_result(app: App) -> None:
    status, url, _ = app.ask("/primes", b"below=2000000")
    assert status == 200
    job_id = url.rpartition("/")[2]
    assert url == f"{app.url}/result/{job_id}"
    wait_for(lambda: app.json(f"/status/{job_id}")["progress"] == "[completed]")
    wait_for(lambda: b"called back: success=1" in app.ask(f"/result/{job_id}")[2])
    assert b"There are 148933, and the largest is 1999993." in app.ask(f"/result/{job_id}")[2]


def test_what_fails_is_called_back_and_shown(app: App) -> None:
    job_id = app.json("/primes", {"below": 2})["job_id"]
    wait_for(lambda: app.json(f"/result/{job_id}")["called_back"])
    found = app.json(f"/result/{job_id}")
    assert (found["called_back"]["success"], found["result"]) == ("0", "there is no prime below 2")
    assert app.json(f"/status/{job_id}") == {"progress": "[failed]"}
    assert b"That went wrong: there is no prime below 2" in app.ask(f"/result/{job_id}")[2]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/status/999999", None, 404), ("/result/abc", None, 404), ("/primes", b"below=x", 400)],
)
def test_bad_requests_are_the_visitors_own(
    app: App, path: str, body: bytes | None, status: int
) -> None:
    assert app.ask(path, body)[0] == status
