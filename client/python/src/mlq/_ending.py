"""How a job ended, asked of the server: a value, or the exception to raise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from urllib3.exceptions import HTTPError

from ._advice import advice, is_too_large
from ._answers import Answer, media_type, not_ours, problem_of, read_answer, reading
from ._arrive import Arrival, Received, check_digest
from ._envelope import MEDIA_TYPE
from ._errors import (
    BY_REASON,
    JobCancelled,
    JobError,
    JobLost,
    MlqError,
    NotSerializable,
    RemoteError,
    TooLarge,
)
from ._http import LONG_PATIENCE
from ._modules import explained
from ._result import error_of, value_of
from ._where import attempt_in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from urllib3.response import BaseHTTPResponse

    from ._client import Client
    from ._deadline import Deadline
    from ._transfer import Transfer

TAIL_LINES = 20


class Outcome(NamedTuple):
    """The end of a job. ``error`` is None where it succeeded."""

    state: str
    value: Any = None
    error: BaseException | None = None

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self.state == "cancelled"


NOT_YET = Outcome("")
"""The job has not ended."""


class _Enveloped(NamedTuple):
    status: int
    digest: str
    received: Received


# What a runner refuses to send back is the same mistake as in the other direction.
_REFUSED: dict[str, type[MlqError]] = {
    "mlq.NotSerializable": NotSerializable,
    "mlq.TooLarge": TooLarge,
}


def fetch(
    client: Client,
    job: int,
    wait: float,
    deadline: Deadline,
    tell: Callable[[Transfer], None] | None = None,
) -> Outcome:
    """The job's outcome, or NOT_YET when it has not ended after ``wait`` seconds.

    ``tell`` is told how far a large result is.

    Raises MlqError where the outcome exists and cannot be had: not kept any
    more, damaged, too large, or in need of a module.
    """

    def watch(transfer: Transfer) -> None:
        deadline.check()
        if tell is not None:
            tell(transfer)

    arrival = Arrival(client.max_result, watch)

    def read(response: BaseHTTPResponse) -> _Enveloped | Answer:
        if response.status in (200, 206, 409) and media_type(response.headers) == MEDIA_TYPE:
            digest = response.headers.get("ETag", "")
            return _Enveloped(response.status, digest, arrival.read(response))
        if response.status == 412:
            arrival.forget()
            raise HTTPError("the result is another one since the connection broke")
        return read_answer(response)

    answer = client._transport.call(
        "GET",
        f"/jobs/{job}/result",
        read,
        query={"wait": f"{wait:.3f}s"},
        headers=lambda: {"Accept": MEDIA_TYPE, **arrival.headers()},
        deadline=deadline,
        patience=LONG_PATIENCE,
        moved=lambda: arrival.done,
    )
    if isinstance(answer, Answer):
        return _without_envelope(client, job, answer)
    if answer.status != 409:
        check_digest(answer.received, answer.digest)
        return Outcome("succeeded", value_of(answer.received.envelope))
    return _failed(client, job, answer.received)


def _without_envelope(client: Client, job: int, answer: Answer) -> Outcome:
    if answer.status < 400:
        raise not_ours(answer.status, answer.headers)
    error = problem_of(answer)
    if error.code == "not-finished":
        return NOT_YET
    if isinstance(error, JobCancelled):
        error.job_id = job
        return Outcome("cancelled", error=error)
    if error.code != "job-failed":
        raise error
    return Outcome("failed", error=_died(client, job, answer.json()))


def _failed(client: Client, job: int, received: Received) -> Outcome:
    """A job that left an exception. The server's record says which bytes are the right ones."""
    details = client.job(job).details()
    with reading("job"):
        sha256 = str((details.get("result_info") or {}).get("sha256", ""))
    check_digest(received, sha256)
    error: BaseException = error_of(
        received.envelope, attempt_in_words(client._transport, job, details)
    )
    if isinstance(error, RemoteError):
        error = _by_reason(error, str(details.get("reason", "")))
    if isinstance(error, JobError):
        _describe(client, error, job, details)
    if type(error) is ModuleNotFoundError:
        error = explained(client._transport, error)
    return Outcome("failed", error=error)


def _by_reason(error: RemoteError, reason: str) -> MlqError:
    """A class that says more than RemoteError where the reason knows more."""
    kind: type[MlqError] = BY_REASON.get(reason, RemoteError)
    if reason == "rejected":
        kind = _REFUSED.get(error.type_name, RemoteError)
    if kind is RemoteError:
        return error
    better = kind(error.message if reason == "rejected" else error.args[0])
    better.code, better.status = "job-failed", 409
    better.__cause__ = error.__cause__
    return better


def _died(client: Client, job: int, problem: dict[str, Any]) -> MlqError:
    """A job that left nothing: the reason, the words for it, and the end of its log."""
    reason = str(problem.get("reason", ""))
    words = str(problem.get("detail") or reason)
    words = words[len(reason) + 2 :] if words.startswith(f"{reason}: ") else words
    text = f"job {job}: " + ". ".join(filter(None, (words, advice(reason, words))))
    if is_too_large(reason, words):
        error: MlqError = TooLarge(text)
    else:
        error = _death(client, job, reason, text)
    error.code, error.status = "job-failed", 409
    return error


def _death(client: Client, job: int, reason: str, text: str) -> JobError:
    tail = _tail(client, job)
    if tail:
        text += f"\nThe last lines of its log:\n{tail}"
    # What ends itself without an exception is an "error" to the server, as a command is that fails.
    kind = JobLost if reason == "error" else BY_REASON.get(reason, JobLost)
    error = kind(text)
    error.job_id, error.reason, error.log_tail = job, reason, tail
    return error


def _describe(client: Client, error: JobError, job: int, details: dict[str, Any]) -> None:
    error.job_id, error.reason = job, str(details.get("reason", ""))
    error.code, error.status = "job-failed", 409
    if isinstance(error, JobLost):
        error.log_tail = _tail(client, job)


def _tail(client: Client, job: int) -> str:
    """The last lines of the log; nothing where it cannot be had: another error is under way."""
    try:
        lines = client.job(job).logs().splitlines()
    except MlqError:
        return ""
    return "\n".join(lines[-TAIL_LINES:])
