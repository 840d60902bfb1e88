"""Requests to the server from within a job: the standard library, and one connection a thread.

A job's environment need not have urllib3, and a consumer asks for each job anew, so the
connection is kept. Every request here may be repeated, because it names what it writes;
so an answer that was lost, or that is none of MLQ's, only costs time.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import ssl
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Callable, cast
from urllib.parse import urlencode, urlsplit

from ._answers import (
    JSON,
    MAX_ANSWER,
    PROBLEM,
    Answer,
    is_page,
    media_type,
    not_ours,
    problem_of,
    retry_after,
)
from ._envelope import length
from ._errors import MlqError, Unavailable
from ._fork import renew_in_child
from ._version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._config import Settings
    from ._envelope import Buffer

READ_TIMEOUT = 30.0  # seconds, beyond what the server was asked to wait
_FIRST_PAUSE = 0.05  # seconds; doubles with each try
_LONGEST_PAUSE = 2.0
_LATER = frozenset({429, 502, 503, 504})
_AWAY = (OSError, http.client.HTTPException)


class Line:
    """Requests to the server of ``settings``. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._where = urlsplit(settings.url)
        self._hung_up = False
        self._after_fork()
        renew_in_child(self)

    def _after_fork(self) -> None:
        """No connection: two processes on one would get each other's answers."""
        self._mine = threading.local()
        self._all: weakref.WeakSet[_Kept] = weakref.WeakSet()

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | Sequence[Buffer] | None = None,
        headers: Mapping[str, str] | None = None,
        wait: float = 0.0,
        more: Callable[[float], bool],
    ) -> Answer:
        """Send a request, and again while the server is away and ``more(pause)`` says so.

        ``more`` waits that many seconds; False ends the tries, with Unavailable or the
        server's own "later". ``wait`` is for how long the server may keep the request.
        Raises the MlqError of a refusal.
        """
        pause = _FIRST_PAUSE
        while True:
            try:
                answer = self.send(method, path, query=query, body=body, headers=headers, wait=wait)
                refusal = _refusal_of(answer)
                if refusal is None:
                    return answer
                error, after = refusal, retry_after(answer.headers)
                if not _is_passing(answer, error):
                    raise error
            except ssl.SSLCertVerificationError as err:
                raise MlqError(f"no secure connection to {self.settings.url}: {err}") from err
            except _AWAY as err:
                if isinstance(err, MlqError):
                    raise
                error, after = Unavailable(f"no answer from {self.settings.url} ({err})"), 0.0
            if not more(max(after, pause * random.uniform(0.5, 1.5))):  # noqa: S311  # not a secret
                raise error
            pause = min(2 * pause, _LONGEST_PAUSE)

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | Sequence[Buffer] | None = None,
        headers: Mapping[str, str] | None = None,
        wait: float = 0.0,
        read: float = READ_TIMEOUT,
    ) -> Answer:
        """One try. Raises OSError and http.client.HTTPException where no answer came."""
        connection = self._connection(wait + read)
        target = self._where.path.rstrip("/") + path + ("?" + urlencode(query) if query else "")
        done = False
        try:
            whole = _request(connection, method, target, body, self._headers(body, headers))
            if self._hung_up:  # looked at when there is a socket: one way or the other it is seen
                raise ConnectionAbortedError("hung up")
            with connection.getresponse() as response:
                content = response.read(MAX_ANSWER + 1)
                done = whole and len(content) <= MAX_ANSWER
                return Answer(response.status, cast("Mapping[str, str]", response.headers), content)
        finally:
            if not done:  # also where the job's cancel came in between: half an answer is none
                connection.close()

    def hang_up(self) -> None:
        """Break off what other threads ask and will ask: there is no answer any more."""
        self._hung_up = True
        for kept in list(self._all):
            sock = kept.connection.sock  # once: its thread may close it meanwhile
            if sock is not None:
                with contextlib.suppress(OSError):  # as a plain socket, also where it is TLS
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _headers(
        self, body: bytes | Sequence[Buffer] | None, extra: Mapping[str, str] | None
    ) -> dict[str, str]:
        headers = {"User-Agent": f"mlq-python/{__version__}", "Accept": JSON, **(extra or {})}
        if body is not None and not isinstance(body, bytes):
            headers["Content-Length"] = str(length(list(body)))
        if self.settings.token:
            headers["Authorization"] = f"Bearer {self.settings.token}"
        return headers

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        kept: _Kept | None = getattr(self._mine, "kept", None)
        if kept is None:
            kept = self._mine.kept = _Kept(self._new())
            self._all.add(kept)
        connection = kept.connection
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        return connection

    def _new(self) -> http.client.HTTPConnection:
        host, port = self._where.hostname or "", self._where.port
        if self._where.scheme != "https":
            return http.client.HTTPConnection(host, port)
        if self.settings.tls_fingerprint:
            from ._pinned import connection

            return connection(host, port, self.settings.tls_fingerprint)
        return http.client.HTTPSConnection(host, port, context=ssl.create_default_context())


def _request(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    body: bytes | Sequence[Buffer] | None,
    headers: dict[str, str],
) -> bool:
    """Send a request; False: the server takes no more of it.

    A server that refuses a body before its end closes. Its answer, which says why, is there
    to be read; where there is none, reading says so.
    """
    try:
        connection.request(method, target, body=body, headers=headers)
    except (BrokenPipeError, ConnectionResetError, ConnectionAbortedError):
        if body is None or connection.sock is None:
            raise
        return False
    return True


class _Kept:
    """A thread's connection; it is closed when the thread, or the line, is no more."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.connection = connection
        # No __del__: in garbage that refers to itself, the socket's own would come first, and warn.
        weakref.finalize(self, connection.close).atexit = False


def _refusal_of(answer: Answer) -> MlqError | None:
    if answer.status >= 400:
        return problem_of(answer)
    if answer.status >= 300 or is_page(answer):
        return not_ours(answer.status, answer.headers)
    return None


def _is_passing(answer: Answer, error: MlqError) -> bool:
    """Whether a later try may be answered otherwise: it says so, or it is none of MLQ's."""
    if error.code == "quota":
        return False
    return answer.status in _LATER or media_type(answer.headers) != PROBLEM


def patience(seconds: float, sleep: Callable[[float], Any] = time.sleep) -> Callable[[float], bool]:
    """For ``ask``: tries for that many seconds."""
    until = time.monotonic() + seconds

    def more(pause: float) -> bool:
        if time.monotonic() + pause > until:
            return False
        sleep(pause)
        return True

    return more
