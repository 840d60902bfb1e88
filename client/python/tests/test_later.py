"""The client against a server of a later version: what it does not know, it leaves unread."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

import mlq
from scripted import QuietServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Server

# Their objects have names of users, hosts or variables as keys.
_MAPS = {"labels", "held", "drained_devices", "env_vars", "secrets", "variables"}
_FIELD = "of_a_later_version"


def later(value: Any) -> Any:
    """The value with a field that nobody knows in each of its objects."""
    if isinstance(value, list):
        return [later(element) for element in value]
    if isinstance(value, dict):
        known = {name: v if name in _MAPS else later(v) for name, v in value.items()}
        return {**known, _FIELD: {"state": [1]}}
    return value


class Later(BaseHTTPRequestHandler):
    """Passes everything on to the real server; JSON and events come back with more in them."""

    protocol_version = "HTTP/1.1"
    upstream = url = ""
    changed: list[str]  # the paths whose answers were changed

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
        pool = urllib3.PoolManager()
        answer = pool.request(
            self.command, self.upstream + self.path, body=body, headers=headers,
            preload_content=False, redirect=False, retries=False,
        )  # fmt: skip
        with contextlib.closing(answer), contextlib.suppress(ConnectionError):
            self._pass_on(answer)
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any  # noqa: N815

    def _pass_on(self, answer: urllib3.BaseHTTPResponse) -> None:
        media = answer.headers.get("Content-Type", "")
        if media.startswith("text/event-stream"):
            self._begin(answer, None)
            for line in answer:
                text = self._event(line)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
            self.wfile.write(b"0\r\n\r\n")
            return
        text = answer.read()
        if "json" in media and text:
            text = json.dumps(later(json.loads(text))).encode()
        self._begin(answer, len(text) if self.command != "HEAD" else None)
        self.wfile.write(text)

    def _begin(self, answer: urllib3.BaseHTTPResponse, length: int | None) -> None:
        if "json" in answer.headers.get("Content-Type", "") or length is None:
            self.changed.append(self.path)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()

    def _event(self, line: bytes) -> bytes:
        if not line.startswith(b"data:"):
            return line
        return b"data: " + json.dumps(later(json.loads(line[5:]))).encode() + b"\n"

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def proxy(server: Server) -> Iterator[type[Later]]:
    class Handler(Later):
        upstream = server.url
        changed: list[str] = []  # noqa: RUF012 - of this test

    http = QuietServer(("127.0.0.1", 0), Handler)
    Handler.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    yield Handler
    http.shutdown()
    http.server_close()
    thread.join()


def test_answers_of_a_later_server(proxy: type[Later]) -> None:
    with mlq.Client(proxy.url) as lab:
        jobs = lab.map(lambda x: x * x, range(3))
        assert [job.result(timeout=60) for job in jobs] == [0, 1, 4]
        failing = lab.submit(lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            failing.result(timeout=60)
        with pytest.raises(mlq.MlqError) as refused:
            lab.job(999_999).state  # noqa: B018 - asks
        assert refused.value.code == "not-found"
        printing = lab.submit(lambda: print("kept"))
        ended = threading.Event()
        printing.add_done_callback(lambda _: ended.set())
        assert ended.wait(60)
        printing.result(timeout=60)
        assert "kept" in printing.logs()
        cancelled = lab.options(run_at="2999-01-01T00:00:00Z").submit(lambda: None)
        cancelled.cancel()
        with pytest.raises(mlq.JobCancelled):
            cancelled.result(timeout=60)
    for path in ("/jobs", "/events"):
        assert any(seen.startswith(path) for seen in proxy.changed), proxy.changed
