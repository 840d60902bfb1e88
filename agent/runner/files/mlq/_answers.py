"""Answers of the server, and what to make of those that are not MLQ's."""

from __future__ import annotations

import contextlib
import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from ._errors import MlqError, Unavailable, from_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3.response import BaseHTTPResponse

JSON = "application/json"
PROBLEM = "application/problem+json"
_PAGES = ("text/html", "application/xhtml+xml")  # only results and files may be that
_OF_A_PROXY = (502, 503, 504)  # what it says while it does not reach who is behind it
MAX_ANSWER = 64 << 20  # bytes of anything but results, files and logs


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
        except (ValueError, RecursionError) as err:
            raise MlqError("the server's answer is not valid JSON") from err

    def object(self) -> Told:
        """The body as a JSON object; MlqError where it is something else."""
        told = self.json()
        if not isinstance(told, dict):
            raise MlqError("the server's answer is not a JSON object")
        return Told(told)


class Told(dict[str, Any]):
    """An object that the server told. What it lacks is no mistake of the caller's."""

    def __missing__(self, key: str) -> Any:
        raise MlqError(f"the server's answer has no {key!r}")


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Read within it what the server told: MlqError where it is not as MLQ tells ``what``."""
    try:
        yield
    except MlqError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as err:
        raise MlqError(f"the server's answer is no {what} as MLQ tells it: {err!r:.200}") from err


def seconds(told: Any) -> float:
    """What the server told as a time; ValueError where it is none: JSON in Python has NaN."""
    read = float(told)
    if not math.isfinite(read):
        raise ValueError(f"{read} s")
    return read


def _is_above(digits: str, most: int) -> bool:
    """Whether a header's number is larger, of however many digits; False where it is none."""
    if not (digits.isascii() and digits.isdigit()):
        return False
    digits = digits.lstrip("0")
    return (len(digits), digits) > (len(str(most)), str(most))


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
    away = status in _OF_A_PROXY
    error = (Unavailable if away else MlqError)(
        f"the answer is not MLQ's: status {status} with {what}. Is MLQ_URL right, and "
        + ("does MLQ run behind that proxy?" if away else "does a proxy answer in its place?")
    )
    error.status = status
    return error


def is_page(answer: Answer) -> bool:
    """Whether it is a page, as only somebody else would give."""
    return media_type(answer.headers) in _PAGES


def refuse_page(answer: Answer) -> None:
    """Raise MlqError for a page: somebody else's, whatever its status says."""
    if is_page(answer):
        raise not_ours(answer.status, answer.headers)


def media_type(headers: Mapping[str, str]) -> str:
    """Content-Type without its parameters."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def refuse_foreign(response: BaseHTTPResponse) -> None:
    """Raise MlqError for a redirect and for a body that somebody encoded on the way."""
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
    """Read an answer to its end, up to MAX_ANSWER bytes. Raises urllib3's errors, also for
    one that is shorter than it says.
    """
    declared = response.headers.get("Content-Length", "")
    too_large = _is_above(declared, MAX_ANSWER)
    body = b"" if too_large else response.read(MAX_ANSWER + 1)
    if too_large or len(body) > MAX_ANSWER:
        raise MlqError(f"the server's answer is larger than {MAX_ANSWER} bytes")
    if response.length_remaining:  # which urllib3 tells of a reading without a size only
        from urllib3.exceptions import IncompleteRead  # late: jobs have no urllib3

        raise IncompleteRead(len(body), response.length_remaining)
    return Answer(response.status, response.headers, body)
