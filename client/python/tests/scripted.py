"""A server that answers what a test tells it to, right or wrong, over real connections."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Union
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


class Request(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    port: int = 0  # of the client: which connection it was


class Reply(NamedTuple):
    """An answer. ``raw`` is written as it is, instead of one, and the connection cut.

    ``stays`` keeps it open, in silence, until it is set.
    """

    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    body: bytes = b""
    raw: bytes | None = None
    stays: threading.Event | None = None


Answerer = Union[Reply, Callable[[Request], Reply]]


def stored(request: Request) -> Reply:
    """What a server answers that has got this blob."""
    sha256 = hashlib.sha256(request.body).hexdigest()
    return as_json({"sha256": sha256, "size": len(request.body)}, 201)


DROP = Reply(raw=b"")
"""Read the request, answer nothing, cut the connection: the answer is lost."""


def as_json(value: Any, status: int = 200) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, json.dumps(value).encode())


def problem(code: str, status: int, detail: str = "no", **more: Any) -> Reply:
    headers = {"Content-Type": "application/problem+json", **more.pop("headers", {})}
    body = {"code": code, "status": status, "detail": detail, "request_id": "r1", **more}
    return Reply(status, headers, json.dumps(body).encode())


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that hung up, as some tests do."""


def nothing(request: Request) -> Reply:
    return problem("not-found", 404, f"nothing scripted for {request.path}")


class Scripted:
    """Answers per ``"METHOD /path"``; a list is used up one by one, its last one stays."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.otherwise: Callable[[Request], Reply] = nothing
        self._replies: dict[str, deque[Answerer]] = {}
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                owner._handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Says nothing: tests read what they expect."""

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def on(self, route: str, *replies: Answerer) -> None:
        self._replies[route] = deque(replies)

    def asked(self, route: str) -> list[Request]:
        return [r for r in self.requests if f"{r.method} {r.path}" == route]

    def _handle(self, http: BaseHTTPRequestHandler) -> None:
        url = urlsplit(http.path)
        body = http.rfile.read(int(http.headers.get("Content-Length") or 0))
        request = Request(
            http.command,
            url.path,
            dict(parse_qsl(url.query)),
            dict(http.headers.items()),
            body,
            http.client_address[1],
        )
        self.requests.append(request)
        self._send(http, self._reply(request))

    def _reply(self, request: Request) -> Reply:
        replies = self._replies.get(f"{request.method} {request.path}")
        if not replies:
            return self.otherwise(request)
        answerer = replies.popleft() if len(replies) > 1 else replies[0]
        return answerer(request) if callable(answerer) else answerer

    def _send(self, http: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.raw is not None:
            http.wfile.write(reply.raw)
            if reply.stays is not None:
                reply.stays.wait(60)
            http.close_connection = True
            return
        http.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            http.send_header(name, value)
        http.end_headers()
        with contextlib.suppress(ConnectionError):
            http.wfile.write(reply.body)

    @contextlib.contextmanager
    def running(self) -> Iterator[Scripted]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
