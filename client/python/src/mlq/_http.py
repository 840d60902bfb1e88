"""Requests to one server, over one pool of connections.

Every request may be repeated: it reads, or it writes something that is named by
its content or by an Idempotency-Key. So an answer that was lost, and a server
that is away for a moment, cost time and nothing else. What is never done:
following a redirect, sending a token in clear text to another machine, and
taking bytes for an answer that do not say they are one.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import random
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from ._deadline import Deadline
from ._errors import MlqError, Unavailable, from_problem
from ._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Union

    from urllib3.response import BaseHTTPResponse

    from ._config import Settings
    from ._envelope import Buffer

    Body = Union[bytes, Sequence[Buffer], None]

T = TypeVar("T")

JSON = "application/json"
PROBLEM = "application/problem+json"
MAX_ANSWER = 64 << 20  # bytes of anything but results, files and logs
CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 60.0
PATIENCE = 5.0  # seconds for which a server that is away is tried again
LONG_PATIENCE = 120.0  # the same, while waiting for a job
_AGAIN = frozenset({502, 503, 504, 429})
_JOIN_BELOW = 256 << 10  # bytes: small bodies are sent in one piece


class Answer(NamedTuple):
    """An answer that was read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; MlqError where it is something else."""
        if media_type(self.headers) not in (JSON, PROBLEM):
            raise not_ours(self.status, self.headers)
        try:
            return json.loads(self.body)
        except ValueError as err:
            raise MlqError("the server's answer is not valid JSON") from err


class Transport:
    """Sends requests to the server of ``settings``. Safe to use from several threads."""

    def __init__(self, settings: Settings, *, allow_insecure: bool = False) -> None:
        self.settings = settings
        _check_url(settings, allow_insecure=allow_insecure)
        self._lock = threading.Lock()
        self._pool: urllib3.PoolManager | None = None
        self._pid = 0

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
        repeatable: bool = True,
    ) -> Answer:
        """Send a request and read its answer.

        Raises the MlqError of the server's code, and Unavailable when no
        answer came within ``patience`` seconds.
        """
        answer = self.call(
            method,
            path,
            read_answer,
            query=query,
            body=body,
            headers=headers,
            patience=patience,
            repeatable=repeatable,
        )
        if answer.status >= 400:
            raise problem_of(answer)
        return answer

    def call(
        self,
        method: str,
        path: str,
        read: Callable[[BaseHTTPResponse], T],
        *,
        query: Mapping[str, str] | None = None,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
        deadline: Deadline | None = None,
        patience: float = PATIENCE,
        repeatable: bool = True,
    ) -> T:
        """Send a request, and again while the server is away; ``read`` takes the answer.

        ``read`` starts over with a new answer where the connection broke. It
        gets every status but those that say "later".
        """
        tries = _Tries(patience, deadline, repeatable=repeatable)
        while True:
            try:
                with self.open(method, path, query=query, body=body, headers=headers) as response:
                    if response.status not in _AGAIN:
                        return read(response)
                    answer = read_answer(response)
            except MlqError:
                raise
            except (HTTPError, OSError) as err:
                tries.failed(self._unreachable(err), err)
                continue
            error = problem_of(answer)
            if error.code == "quota":
                raise error
            tries.refused(error, answer.headers)

    @contextlib.contextmanager
    def open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
        read_timeout: float = READ_TIMEOUT,
    ) -> Iterator[BaseHTTPResponse]:
        """One try: the answer with its body unread. Raises urllib3's errors and OSError."""
        response = self._connections().request(
            method,
            self.url(path, query),
            body=_in_one_piece(body),
            headers=self._headers(body, headers),
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=read_timeout),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            _refuse_foreign(response)
            yield response
        finally:
            # Read to its end, it has given its connection back already.
            response.close()

    def url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """The absolute URL of a path."""
        return self.settings.url + path + ("?" + urlencode(query) if query else "")

    def close(self) -> None:
        """Close the connections. A later request opens new ones."""
        with self._lock:
            if self._pool is not None and self._pid == os.getpid():
                self._pool.clear()
            self._pool = None

    def _connections(self) -> urllib3.PoolManager:
        with self._lock:
            if self._pool is None or self._pid != os.getpid():  # a fork shares no sockets
                fingerprint = self.settings.tls_fingerprint
                extra: dict[str, Any] = {"assert_fingerprint": fingerprint} if fingerprint else {}
                self._pool = urllib3.PoolManager(num_pools=2, maxsize=16, **extra)
                self._pid = os.getpid()
            return self._pool

    def _headers(self, body: Body, extra: Mapping[str, str] | None) -> dict[str, str]:
        headers = {"User-Agent": f"mlq-python/{__version__}", "Accept": JSON, **(extra or {})}
        if self.settings.token:
            headers["Authorization"] = f"Bearer {self.settings.token}"
        if body is not None and not isinstance(body, bytes):
            headers["Content-Length"] = str(sum(memoryview(part).nbytes for part in body))
        return headers

    def _unreachable(self, err: Exception) -> MlqError:
        url = self.settings.url
        if isinstance(err, SSLError) or isinstance(err.__cause__, SSLError):
            return MlqError(f"no secure connection to {url}: {err}")
        return Unavailable(
            f"no answer from {url} ({_reason(err)}). "
            "Is the server running, and is MLQ_URL right? `mlq dev` starts one on this machine"
        )


class _Tries:
    """How often, and how long after each other, a request is sent."""

    def __init__(self, patience: float, deadline: Deadline | None, *, repeatable: bool) -> None:
        self._until = Deadline(patience)
        self._deadline = deadline or Deadline(None)
        self._repeatable = repeatable
        self._pause = 0.05

    def failed(self, error: MlqError, cause: Exception) -> None:
        """No answer: returns when it is time for the next try, or raises ``error``."""
        never_sent = isinstance(cause, urllib3.exceptions.NewConnectionError)
        if not isinstance(error, Unavailable) or not (self._repeatable or never_sent):
            raise error from cause
        self._wait(error, self._pause * random.uniform(0.5, 1.5), cause)  # noqa: S311
        self._pause = min(self._pause * 2, 2.0)

    def refused(self, error: MlqError, headers: Mapping[str, str]) -> None:
        """The server said "later": returns when it is time, or raises ``error``."""
        self._wait(error, max(retry_after(headers), self._pause), None)
        self._pause = min(self._pause * 2, 2.0)

    def _wait(self, error: MlqError, seconds: float, cause: Exception | None) -> None:
        self._deadline.check()
        if seconds >= self._until.remaining():
            raise error from cause
        time.sleep(self._deadline.cut(seconds))


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds of a Retry-After header, 0 where there is none."""
    try:
        return max(0.0, float(headers.get("Retry-After", "0")))
    except ValueError:
        return 0.0


def problem_of(answer: Answer) -> MlqError:
    """The error that an answer of 400 or more stands for."""
    if media_type(answer.headers) != PROBLEM:
        return not_ours(answer.status, answer.headers)
    problem = answer.json()
    if not isinstance(problem, dict):
        return MlqError(f"the server answered {answer.status} without saying why")
    return from_problem(problem, answer.status)


def not_ours(status: int, headers: Mapping[str, str]) -> MlqError:
    """What to say of an answer that MLQ would not give."""
    what = media_type(headers) or "nothing that it names"
    error = MlqError(
        f"the answer is not MLQ's: status {status} with {what}. "
        "Is MLQ_URL right, and does a proxy answer in its place?"
    )
    error.status = status
    return error


def media_type(headers: Mapping[str, str]) -> str:
    """Content-Type without its parameters."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _refuse_foreign(response: BaseHTTPResponse) -> None:
    if 300 <= response.status < 400:
        error = MlqError(
            "the server answered with a redirect, which is never followed, because the token "
            "belongs to one server: set MLQ_URL to where MLQ itself answers"
        )
        error.status = response.status
        raise error
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise not_ours(response.status, response.headers)


def read_answer(response: BaseHTTPResponse) -> Answer:
    """Read an answer to its end, up to MAX_ANSWER bytes."""
    declared = response.headers.get("Content-Length", "")
    too_large = declared.isdigit() and int(declared) > MAX_ANSWER
    body = b"" if too_large else response.read(MAX_ANSWER + 1)
    if too_large or len(body) > MAX_ANSWER:
        raise MlqError(f"the server's answer is larger than {MAX_ANSWER} bytes")
    return Answer(response.status, response.headers, body)


def _in_one_piece(body: Body) -> Any:
    if body is None or isinstance(body, bytes):
        return body
    if sum(memoryview(part).nbytes for part in body) < _JOIN_BELOW:
        return b"".join(body)
    return body


def _reason(err: BaseException) -> str:
    """The innermost cause in words, without urllib3's wrapping."""
    inner = err
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    text = inner.strerror if isinstance(inner, OSError) else None
    return text or str(inner) or type(inner).__name__


def _check_url(settings: Settings, *, allow_insecure: bool) -> None:
    url = urlsplit(settings.url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise MlqError(f"{settings.url!r} is not an http:// or https:// URL of a server")
    if url.username or url.password:
        raise MlqError("the server's URL holds a password; give a token instead (MLQ_TOKEN)")
    if settings.token and not settings.token.isascii():
        raise MlqError("the token has characters that no token has")
    insecure = url.scheme == "http" and not _is_loopback(url.hostname)
    if settings.token and insecure and not allow_insecure:
        raise MlqError(
            f"refusing to send a token over plain http:// to {url.hostname}, where it can be read "
            "on the way: use https://, or Client(…, allow_insecure=True)"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
