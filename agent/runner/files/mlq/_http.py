"""Requests to one server, over one pool of connections.

Every request may be repeated: it reads, or it writes something that is named by
its content or by an Idempotency-Key. So an answer that was lost, and a server
that is away for a moment, cost time and nothing else. What is never done:
following a redirect, sending a token in clear text to another machine, and
taking bytes for an answer that do not say they are one.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from typing import TYPE_CHECKING, Any, Callable, TypeVar
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from ._answers import JSON, Answer, problem_of, read_answer, refuse_foreign, refuse_page
from ._deadline import left
from ._envelope import length
from ._errors import MlqError, Unavailable
from ._fork import renew_in_child
from ._tries import Tries
from ._upload import Upload
from ._url import check_url
from ._version import __version__, differs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Union

    from urllib3.response import BaseHTTPResponse

    from ._config import Settings
    from ._deadline import Deadline
    from ._envelope import Buffer

    Body = Union[bytes, Sequence[Buffer], Upload, None]

T = TypeVar("T")

CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 60.0
PATIENCE = 5.0  # seconds for which a server that is away is tried again
LONG_PATIENCE = 120.0  # the same, while waiting for a job
_AGAIN = frozenset({502, 503, 504, 429})
_LATE = 1.0  # seconds after a deadline at which a server that has stopped is cut off
_JOIN_BELOW = 256 << 10  # bytes: small bodies are sent in one piece


class Transport:
    """Sends requests to the server of ``settings``. Safe to use from several threads."""

    def __init__(self, settings: Settings, *, allow_insecure: bool = False) -> None:
        self.settings = settings
        check_url(settings, allow_insecure=allow_insecure)
        self._compared = False
        self._after_fork()
        renew_in_child(self)

    def _after_fork(self) -> None:
        """A fork shares no sockets."""
        self._lock = threading.Lock()
        self._pool: urllib3.PoolManager | None = None

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
        deadline: Deadline | None = None,
        patience: float = PATIENCE,
        repeatable: bool = True,
        moved: Callable[[], int] | None = None,
    ) -> Answer:
        """Send a request and read its answer.

        Raises the MlqError of the server's code, Unavailable when no answer
        came within ``patience`` seconds, and TimeoutError at ``deadline``.
        """
        answer = self.call(
            method,
            path,
            read_answer,
            query=query,
            body=body,
            headers=headers,
            deadline=deadline,
            patience=patience,
            repeatable=repeatable,
            moved=moved,
        )
        if answer.status >= 400:
            raise problem_of(answer)
        refuse_page(answer)
        return answer

    def call(
        self,
        method: str,
        path: str,
        read: Callable[[BaseHTTPResponse], T],
        *,
        query: Mapping[str, str] | None = None,
        body: Body = None,
        headers: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None,
        deadline: Deadline | None = None,
        patience: float = PATIENCE,
        repeatable: bool = True,
        moved: Callable[[], int] | None = None,
    ) -> T:
        """Send a request, and again while the server is away; ``read`` takes the answer.

        ``read`` gets a new answer where the connection broke, to ``headers`` that are asked for
        anew if they are a function. It gets every status but those that say "later".
        A try that has ``moved`` more bytes than those before begins ``patience`` anew.
        """
        tries = Tries(patience, deadline, repeatable=repeatable, moved=moved)
        while True:
            now = headers() if callable(headers) else headers
            begun = False
            try:
                with self.open(
                    method, path, query=query, body=body, headers=now, deadline=deadline
                ) as response:
                    begun = True
                    if response.status not in _AGAIN:
                        return read(response)
                    answer = read_answer(response)
            except MlqError:
                raise
            except (
                KeyboardInterrupt
            ) as stop:  # where exactly it waited helps nobody, and is slow to show
                raise stop.with_traceback(None) from None
            except (HTTPError, OSError) as err:
                if begun and deadline is not None and not deadline.remaining():
                    raise self._stopped() from err
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
        deadline: Deadline | None = None,
    ) -> Iterator[BaseHTTPResponse]:
        """One try: the answer with its body unread. Raises urllib3's errors and OSError.

        So it does shortly after ``deadline``, wherever the server has stopped.
        """
        response = self._connections().request(
            method,
            self.url(path, query),
            body=_in_one_piece(body),
            headers=self._headers(body, headers),
            timeout=_timeout(body, read_timeout, deadline),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            refuse_foreign(response)
            self._compare(response.headers.get("Mlq-Client"))
            with _ended_by(deadline, response):
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
            if self._pool is not None:
                self._pool.clear()
            self._pool = None

    def _connections(self) -> urllib3.PoolManager:
        with self._lock:
            if self._pool is None:
                extra: dict[str, Any] = {}
                if self.settings.tls_fingerprint:
                    # That one certificate, whoever signed it; without CERT_NONE
                    # one that signs itself is refused before it is compared.
                    extra["assert_fingerprint"] = self.settings.tls_fingerprint
                    extra["cert_reqs"] = "CERT_NONE"
                self._pool = urllib3.PoolManager(num_pools=2, maxsize=16, **extra)
            return self._pool

    def _compare(self, other: str | None) -> None:
        """Warn, once, when the server goes with another version of this package."""
        if self._compared or other is None:
            return
        self._compared = True
        if differs(other):
            server = self.settings.url
            warnings.warn(
                f"this is mlq-gpu {__version__}, and the server {server} goes with {other}: "
                f"pip install it from {server}/client/",
                UserWarning,
                stacklevel=2,
            )

    def _headers(self, body: Body, extra: Mapping[str, str] | None) -> dict[str, str]:
        headers = {"User-Agent": f"mlq-python/{__version__}", "Accept": JSON, **(extra or {})}
        if self.settings.token:
            headers["Authorization"] = f"Bearer {self.settings.token}"
        if body is not None and not isinstance(body, bytes):
            headers["Content-Length"] = str(_size_of(body))
        return headers

    def _stopped(self) -> Unavailable:
        return Unavailable(
            f"{self.settings.url} stopped in the middle of an answer, and the time is over. "
            "Nothing is lost by it: ask again"
        )

    def _unreachable(self, err: Exception) -> MlqError:
        url = self.settings.url
        if isinstance(err, SSLError) or isinstance(err.__cause__, SSLError):
            return MlqError(f"no secure connection to {url}: {err}")
        return Unavailable(
            f"no answer from {url} ({_reason(err)}). "
            "Is the server running, and is MLQ_URL right? `mlq dev` starts one on this machine"
        )


def _in_one_piece(body: Body) -> Any:
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, Upload) or _size_of(body) >= _JOIN_BELOW:
        return body
    return b"".join(body)


def _size_of(body: Upload | Sequence[Buffer]) -> int:
    return body.size if isinstance(body, Upload) else length(list(body))


def _timeout(body: Body, read: float, deadline: Deadline | None) -> urllib3.Timeout:
    """The first is also how long a piece may take to be sent, whatever its name."""
    if deadline is not None:
        most = deadline.remaining() + _LATE
        return urllib3.Timeout(connect=min(CONNECT_TIMEOUT, most), read=min(read, most))
    if isinstance(body, Upload):  # the server's disk may stall, and syncs at the end
        return urllib3.Timeout(connect=READ_TIMEOUT, read=read + body.patience)
    return urllib3.Timeout(connect=CONNECT_TIMEOUT, read=read)


@contextlib.contextmanager
def _ended_by(deadline: Deadline | None, response: BaseHTTPResponse) -> Iterator[None]:
    """End a reading at the deadline: a timeout of the socket begins anew with each byte."""
    seconds = left(deadline) if deadline is not None else None
    if seconds is None or seconds > threading.TIMEOUT_MAX:
        yield
        return
    timer = threading.Timer(seconds + _LATE, hang_up, [response])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def hang_up(response: BaseHTTPResponse) -> None:
    """End a reading in another thread. Where urllib3 cannot, the next sign of life does."""
    # Before urllib3 2.3 there is none; ValueError and RuntimeError: it has just ended by itself.
    with contextlib.suppress(AttributeError, ValueError, RuntimeError, OSError):
        response.shutdown()


def _reason(err: BaseException) -> str:
    """The innermost cause in words, without urllib3's wrapping."""
    inner = err
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    text = inner.strerror if isinstance(inner, OSError) else None
    return text or str(inner) or type(inner).__name__
