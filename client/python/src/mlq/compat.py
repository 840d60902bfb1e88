"""For programs that were written for MLQ's predecessor, the package ``mlq`` 0.2: one line changes.

``from mlq.queue import MLQ`` becomes ``from mlq.compat import MLQ``; docs/predecessor.md says
what becomes of the rest. The server is named as for everything else here, by ``MLQ_URL``,
``MLQ_TOKEN`` or the configuration file: there is no Redis to be reached any more.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import quote

from . import _message, _posting, _registered
from ._answers import reading
from ._client import Client
from ._errors import MlqError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._answers import Answer
    from ._listener import Listener
    from ._work import Function

__all__ = ["MLQ"]

_FIELDS = (
    "id",
    "timestamp",
    "worker",
    "processing_started",
    "processing_finished",
    "progress",
    "short_result",
    "result",
    "callback",
    "retries",
    "functions",
    "msg",
)
_MAX_RETRIES = 100  # the server's limit

_log = logging.getLogger("mlq")


class MLQ:
    """A queue: post messages, ask for their jobs, and listen for messages with functions.

    ``namespace`` names the application. A server is one namespace, and functions and jobs
    are those of the token's user: applications that must not take each other's messages
    have two users, or two servers (decision 43). What names Redis is taken and not used.
    """

    def __init__(
        self,
        namespace: str | None = None,
        redis_host: str = "localhost",
        redis_port: int = 6379,
        redis_db: int = 0,
        *,
        q_name: str | None = None,
    ) -> None:
        name = namespace if q_name is None else q_name
        if not isinstance(name, str) or not name:
            raise TypeError(f"the namespace is a name, as in MLQ('example_app', …), not {name!r}")
        self.q_name = name
        self._client = Client()
        self._functions: dict[str, Function] = {}
        self._listener: Listener | None = None
        self._job_timeout: float | None = None
        self._max_retries: int | None = None
        redis = f"{redis_host}:{redis_port}/{redis_db}"
        _log.info("%s: messages go to %s, not to Redis at %s", name, self._client.url, redis)

    def post(
        self, msg: Any, callback: str | None = None, functions: Iterable[str] | None = None
    ) -> str:
        """Queue a message; the id of its job, a string of an integer.

        ``callback`` is a URL that is called once the job has ended, ``functions`` are the names
        of those that shall run, by default all. TypeError or ValueError names what in a message
        cannot be sent; MlqError is the server's refusal, and Unavailable that there is no answer.
        """
        limits = {"timeout": self._job_timeout, "retries": self._max_retries}
        body = _posting.body_of(msg, callback, functions, **limits)
        headers = _posting.headers()
        answer = self._client._transport.request("POST", "/jobs", body=body, headers=headers)
        with reading("job's id"):
            return str(int(answer.body))

    def get_job(self, job_id: str | int) -> dict[str, Any]:
        """The job as it is now, with the predecessor's fields.

        ``result`` is what the function returned, the text of its exception where it raised one,
        and None before the end. A job that there is not is a NotFound, as in ``get_progress``.
        """
        job = self._ask(job_id, "").object()
        found = {name: job.get(name) for name in _FIELDS}
        with reading("job"):
            job["id"] = self._client.job(job["id"]).id
        found["id"] = str(job["id"])
        found["functions"] = job.get("functions") or None
        found["msg"] = _message.restore(job.get("msg"))
        found["result"] = self._result(job)
        return found

    def get_progress(self, job_id: str | int) -> str:
        """``[queued; not started]``, ``[started]``, ``[failed]``, ``[completed]``, or its own.

        A job that there is not is an MlqError, and where werkzeug is in use also werkzeug's
        NotFound, so that Flask answers 404 as it did.
        """
        return self._ask(job_id, "/progress").body.decode("utf-8", "replace")

    def job_count(self) -> int:
        """How many jobs wait."""
        answer = self._client._transport.request("GET", "/jobs/count")
        with reading("number of jobs"):
            return int(answer.body)

    def create_listener(self, function: Any = None) -> bool:
        """Take messages for this function, in a thread of this process; always True.

        It gets the message, and a second argument with the utilities if it can take one. One of
        the same name takes its place. Each job is under a lease, that is renewed over HTTP while
        it runs. The program does not end by itself while it listens; Ctrl-C puts the job that
        runs back into the queue. Raises MlqError where the server cannot be told.
        """
        if function is not None:
            name, found = _registered.function_of(function)
            _registered.add(self._client._transport, name)
            self._functions[name] = found
            self._tell_of_others()
        self._listening().start(_registered.line(self._client._transport.settings))
        return True

    def remove_listener(self, function: Any) -> bool:
        """Listen for this function no more; whether this object did. It is named by its name.

        The server forgets the function too: messages for it wait until one of that name comes.
        """
        name = function if isinstance(function, str) else _registered.name_of(function)
        if self._functions.pop(name, None) is None:
            return False
        _registered.remove(self._client._transport, name)
        return True

    def create_reaper(
        self, call_how_often: float = 60, job_timeout: float = 300, max_retries: int = 5
    ) -> None:
        """Bound the jobs that this object posts, and those that its listener runs.

        ``job_timeout`` is, in seconds, the time limit of what is posted from now on, and the
        longest that a job runs here; ``max_retries`` how often one that has failed or passed its
        limit is tried again. ``call_how_often`` is taken and not used: leases tell at once, and
        for every job, that who ran it has died; that needs no reaper.
        """
        if not _is_number(job_timeout) or not job_timeout > 0:
            raise ValueError(f"job_timeout is seconds above 0, not {job_timeout!r}")
        if type(max_retries) is not int or not 0 <= max_retries <= _MAX_RETRIES:
            raise ValueError(f"max_retries is 0 to {_MAX_RETRIES}, not {max_retries!r}")
        if not _is_number(call_how_often) or not call_how_often > 0:
            raise ValueError(f"call_how_often is seconds above 0, not {call_how_often!r}")
        self._job_timeout, self._max_retries = float(job_timeout), max_retries

    def shutdown(self) -> None:
        """Stop the listener after the job that it runs; ``create_listener`` starts it again."""
        if self._listener is not None:
            self._listener.shutdown()

    @property
    def funcs_to_execute(self) -> list[Function]:
        """The functions that this object listens with."""
        return list(self._functions.values())

    def __repr__(self) -> str:
        return f"<mlq.compat.MLQ {self.q_name!r} at {self._client.url}>"

    def _listening(self) -> Listener:
        if self._listener is None:
            from ._listener import Listener

            limit: Callable[[], float] = lambda: self._job_timeout or float("inf")  # noqa: E731
            self._listener = Listener(lambda: dict(self._functions), limit)
        return self._listener

    def _ask(self, job_id: str | int, what: str) -> Answer:
        try:
            path = f"/jobs/{quote(str(job_id), safe='')}{what}"
            return self._client._transport.request("GET", path)
        except MlqError as err:
            if err.status not in (400, 404):
                raise
            raise _not_found(f"there is no job {str(job_id)[:64]!r}") from None

    def _result(self, job: dict[str, Any]) -> Any:
        if job["state"] == "succeeded":
            return self._client.job(job["id"]).result(stream=False)
        if job["state"] in ("failed", "cancelled"):
            return _text_of_error(self._client, job)
        return None

    def _tell_of_others(self) -> None:
        others = _registered.names(self._client._transport) - set(self._functions)
        if others:
            _log.warning(
                "messages that name no functions run all that are registered, and this process "
                "has not: %s. Post with functions=[…], or remove them: mlq consumer remove NAME",
                ", ".join(sorted(others)[:10]),
            )


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _text_of_error(client: Client, job: dict[str, Any]) -> str:
    try:
        error = client.job(job["id"]).exception()
    except MlqError as err:
        return str(err)
    return str(error)


def _not_found(text: str) -> MlqError:
    """An error that Flask turns into a 404, where it is in use; ``code`` is werkzeug's then."""
    werkzeug = sys.modules.get("werkzeug.exceptions")
    bases: tuple[type, ...] = (MlqError,) if werkzeug is None else (werkzeug.NotFound, MlqError)
    error: MlqError = type("NotFound", bases, {"__module__": "mlq.compat"})(text)
    if werkzeug is None:
        error.code = "not-found"
    error.status = 404
    return error
