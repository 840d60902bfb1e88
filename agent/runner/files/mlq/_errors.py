"""What can go wrong, as one tree. In brackets: the server's codes.

::

    MlqError                 any other code, and answers that are not MLQ's
    ├── Unauthorized         [unauthorized, forbidden, token-in-url, foreign-origin, bad-link,
    │                        link-expired]
    ├── Unsatisfiable        [unsatisfiable]: no host could ever run this
    │   └── VersionMismatch  [version-mismatch]: no host has this Python
    ├── NotSerializable      before sending, and of a result; also a TypeError and a ValueError
    ├── TooLarge             [too-large], before sending, and of a result; also a ValueError
    ├── QuotaExceeded        [quota, too-many-requests, too-many-connections]
    ├── Unavailable          [store-unavailable, store-full, disk-full, blobs-away, no-key, busy,
    │                        held, slow-request], no answer at all; also a ConnectionError
    └── JobError             a job ended without a value
        ├── RemoteError      [job-failed: error], its own type cannot be rebuilt here
        ├── JobCancelled     [job-cancelled]; also a concurrent.futures.CancelledError
        ├── JobTimeout       [job-failed: timeout, expired]
        └── JobLost          [job-failed: killed, lost, rejected, dependency, unplaceable; error of
            │                a process that ended itself]
            └── JobOutOfMemory   [job-failed: oom]

A job's own exception is raised with its own type where that can be rebuilt,
with the remote traceback as its cause; those are not in this tree.
``TimeoutError`` is raised by ``result(timeout=…)``; the job goes on.
"""

from __future__ import annotations

import re
from concurrent.futures import CancelledError
from typing import Any


class MlqError(Exception):
    """Something went wrong between this program and MLQ.

    ``code`` is the server's code, or ``""`` where the client found the
    mistake; ``status`` the HTTP status, or 0; ``request_id`` finds the request
    in the server's log.
    """

    code: str = ""
    status: int = 0
    request_id: str = ""


class Unauthorized(MlqError):
    """No token, a token that is not valid, or one that may not do this."""


class Unsatisfiable(MlqError):
    """No host that is known could ever run this job; the text says what there is."""


class VersionMismatch(Unsatisfiable):
    """A pickle of one Python version would have to be loaded by another.

    Loading it can crash the interpreter, so that it is not tried.
    """


class NotSerializable(MlqError, TypeError, ValueError):
    """The function or an argument cannot be sent; the text names the path to it."""


class TooLarge(MlqError, ValueError):
    """More bytes than may be sent or received; the text says what and how many."""


class QuotaExceeded(MlqError):
    """A limit of this user is reached."""


class Unavailable(MlqError, ConnectionError):
    """The server, or the store behind it, cannot be reached now."""


class JobError(MlqError):
    """A job ended without a value.

    ``job_id`` is its id, ``reason`` the job's reason, ``log_tail`` the last
    lines that it printed where they help.
    """

    job_id: int = 0
    reason: str = ""
    log_tail: str = ""


class RemoteError(JobError):
    """The job raised an exception that cannot be rebuilt here.

    ``type_name`` and ``message`` are those of the original exception,
    ``traceback`` its text, which is also the cause of this exception.
    """

    type_name: str = ""
    message: str = ""
    traceback: str = ""


class JobCancelled(JobError, CancelledError):
    """The job was cancelled; the text says by whom."""


class JobTimeout(JobError):
    """The job passed its time limit, or waited longer than its ``queue_timeout``."""


class JobLost(JobError):
    """The job died without an exception: a signal, a lost host, an unreadable call."""


class JobOutOfMemory(JobLost):
    """The memory of the host or of the device was exhausted."""


class RemoteTraceback(Exception):
    """Carries the traceback of the other process as text, as the cause of an exception."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""' if self.args else ""


PUBLIC = (
    MlqError,
    Unauthorized,
    Unsatisfiable,
    VersionMismatch,
    NotSerializable,
    TooLarge,
    QuotaExceeded,
    Unavailable,
    JobError,
    RemoteError,
    JobCancelled,
    JobTimeout,
    JobLost,
    JobOutOfMemory,
)
for _class in PUBLIC:
    _class.__module__ = "mlq"  # where users find it, and what tracebacks shall show

BY_CODE: dict[str, type[MlqError]] = {
    "unauthorized": Unauthorized,
    "forbidden": Unauthorized,
    "token-in-url": Unauthorized,
    "foreign-origin": Unauthorized,
    "bad-link": Unauthorized,
    "link-expired": Unauthorized,
    "unsatisfiable": Unsatisfiable,
    "version-mismatch": VersionMismatch,
    "too-large": TooLarge,
    "quota": QuotaExceeded,
    "too-many-requests": QuotaExceeded,
    "too-many-connections": QuotaExceeded,
    "store-unavailable": Unavailable,
    "store-full": Unavailable,
    "disk-full": Unavailable,
    "blobs-away": Unavailable,
    "no-key": Unavailable,
    "busy": Unavailable,
    "held": Unavailable,
    "slow-request": Unavailable,
    "job-failed": RemoteError,
    "job-cancelled": JobCancelled,
}

BY_REASON: dict[str, type[JobError]] = {
    "error": RemoteError,
    "timeout": JobTimeout,
    "expired": JobTimeout,
    "oom": JobOutOfMemory,
    "killed": JobLost,
    "lost": JobLost,
    "rejected": JobLost,
    "dependency": JobLost,
    "unplaceable": JobLost,
}


_PLACE = re.compile(r"^(?:/\d+)?(?:/request)?/(?=[\w/]+: )")


def from_problem(problem: dict[str, Any], status: int) -> MlqError:
    """The exception of an RFC 9457 answer of the server."""
    code = str(problem.get("code", ""))
    text = str(problem.get("detail") or problem.get("title") or f"the server answered {status}")
    text = _PLACE.sub("", text)  # "/3/request/timeout: …": of the call it is timeout
    if code == "unauthorized":
        text += ". In Python: MLQ_TOKEN, or mlq.connect(url, token)"
    error = BY_CODE.get(code, MlqError)(text)
    error.code, error.status = code, status
    error.request_id = str(problem.get("request_id", ""))
    return error
