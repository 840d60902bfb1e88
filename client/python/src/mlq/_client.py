"""A server, and what can be asked of it."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from . import _binding, _config
from ._envelope import BATCH_MEDIA_TYPE, MEDIA_TYPE
from ._errors import MlqError
from ._http import LONG_PATIENCE, Transport
from ._job import Job
from ._jobs import JobList
from ._pickle import PYTHON, CallWriter, size_of
from ._request import normalise
from ._submitter import Submitter
from ._watch import Watcher

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from ._envelope import Buffer

R = TypeVar("R")

INLINE = 1 << 20  # bytes: a larger call is uploaded as a blob
BATCH_JOBS = 10_000
BATCH_BYTES = 16 << 20
MAX_RESULT = 2_000_000_000  # bytes


class Client:
    """A connection to one MLQ server. Safe to use from several threads.

    ``url`` and ``token`` default to ``MLQ_URL`` and ``MLQ_TOKEN``, then to the
    file ``~/.config/mlq/config.toml``, then to ``http://127.0.0.1:5001`` without a
    token. A token goes over plain ``http://`` to this machine only, unless
    ``allow_insecure``. ``tls_fingerprint`` is the SHA-256 of a certificate that
    signs itself. ``max_result`` is the largest result, in bytes, that is taken.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        token_file: str | os.PathLike[str] | None = None,
        tls_fingerprint: str | None = None,
        allow_insecure: bool = False,
        max_result: int = MAX_RESULT,
    ) -> None:
        settings = _config.load(url, token, token_file, tls_fingerprint)
        self.max_result = max_result
        self._transport = Transport(settings, allow_insecure=allow_insecure)
        self._watcher = Watcher(self._transport)

    @property
    def url(self) -> str:
        """The server's URL."""
        return self._transport.settings.url

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Job[R]:
        """Queue ``fn(*args, **kwargs)`` and return at once.

        Keywords named like a request field belong to MLQ, all others to ``fn``.
        """
        _binding.check_function(fn)
        request, keywords = _binding.split(fn, kwargs)
        return self._submit(fn, args, keywords, normalise(request))

    def run(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> R:
        """``submit`` and ``result`` in one; an interrupt cancels the job."""
        return _run(self.submit(fn, *args, **kwargs))

    def map(self, fn: Callable[..., R], /, *iterables: Iterable[Any], **kwargs: Any) -> JobList[R]:
        """Queue ``fn`` once for each element, or for each tuple of several iterables.

        One request for all. Keywords as in ``submit``; those of ``fn`` are the
        same for all calls.
        """
        _binding.check_function(fn)
        request, keywords = _binding.split(fn, kwargs)
        return self._map(fn, iterables, keywords, normalise(request))

    def options(self, **request: Any) -> Submitter:
        """Request fields for what is submitted through the result; see ``mlq.options``."""
        return Submitter(self, request)

    def job(self, job_id: int | str) -> Job[Any]:
        """A job by its id, also one that another program submitted. Asks nothing yet."""
        number = int(job_id)
        if number < 1:
            raise ValueError(f"a job's id is a whole number from 1, not {number}")
        return Job(self, number)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<mlq.Client {self.url}>"

    def _submit(
        self,
        fn: Callable[..., R],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        request: dict[str, Any],
    ) -> Job[R]:
        _binding.check(fn, args, kwargs)
        writer = CallWriter(fn, request)
        return self._send(writer, writer.write(args, kwargs), request)

    def _send(self, writer: CallWriter, parts: list[Buffer], request: dict[str, Any]) -> Job[R]:
        """Send one call: as it is, or as a blob and its name where it is large."""
        key = _idempotency_key(request)
        if size_of(parts) <= INLINE:
            headers = {"Content-Type": MEDIA_TYPE, **key}
            answer = self._transport.request("POST", "/jobs", body=parts, headers=headers)
        else:
            answer = self._send_blob(writer, parts, request, key)
        return Job(self, _job_id(answer.json()), name=_shown(writer, request))

    def _send_blob(
        self,
        writer: CallWriter,
        parts: list[Buffer],
        request: dict[str, Any],
        key: dict[str, str],
    ) -> Any:
        import json

        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        sha256 = digest.hexdigest()
        self._transport.request(
            "PUT",
            f"/blobs/{sha256}",
            body=parts,
            headers={"Content-Type": "application/octet-stream"},
            patience=LONG_PATIENCE,
        )
        reference = {
            "sha256": sha256,
            "size": size_of(parts),
            "function": writer.function,
            "python": PYTHON,
        }
        return self._transport.request(
            "POST",
            "/jobs",
            body=json.dumps({**request, "call": reference}).encode(),
            headers={"Content-Type": "application/json", **key},
        )

    def _map(
        self,
        fn: Callable[..., R],
        iterables: tuple[Iterable[Any], ...],
        kwargs: dict[str, Any],
        request: dict[str, Any],
    ) -> JobList[R]:
        if not iterables:
            raise TypeError("map needs at least one iterable: mlq.map(f, values)")
        if "key" in request:
            raise TypeError("key names one job, so that map does not take it")
        calls = list(zip(*iterables))
        if calls:
            _binding.check(fn, calls[0], kwargs)
        batch = _Batch(self, CallWriter(fn, request), request)
        for args in calls:
            batch.add(args, kwargs)
        batch.flush()
        return JobList(batch.jobs)


Client.__module__ = "mlq"


class _Batch:
    """Collects calls and sends them: many in one request, a large one by itself."""

    def __init__(self, client: Client, writer: CallWriter, request: dict[str, Any]) -> None:
        self.jobs: list[Job[Any]] = []
        self._client, self._writer, self._request = client, writer, request
        self._clear()

    def _clear(self) -> None:
        self._parts: list[Buffer] = []
        self._count = 0
        self._bytes = 0

    def add(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        parts = self._writer.write(args, kwargs)
        size = size_of(parts)
        if size > INLINE:
            self.flush()
            self.jobs.append(self._client._send(self._writer, parts, self._request))
            return
        if self._count == BATCH_JOBS or self._bytes + size > BATCH_BYTES:
            self.flush()
        self._parts += parts
        self._count += 1
        self._bytes += size

    def flush(self) -> None:
        """Send what was collected. Raises with the ids of those that were sent before."""
        if not self._count:
            return
        headers = {"Content-Type": BATCH_MEDIA_TYPE, "Idempotency-Key": str(uuid.uuid4())}
        try:
            ids = self._client._transport.request(
                "POST", "/jobs/batch", body=[b"".join(self._parts)], headers=headers
            ).json()
        except MlqError as err:
            self._say_what_was_sent(err)
            raise
        if not isinstance(ids, list) or len(ids) != self._count:
            raise MlqError("the server did not answer with one id for each job")
        name = _shown(self._writer, self._request)
        self.jobs += [Job(self._client, _job_id(job), name=name) for job in ids]
        self._clear()

    def _say_what_was_sent(self, err: MlqError) -> None:
        if self.jobs:
            first, last = self.jobs[0].id, self.jobs[-1].id
            err.args = (f"{err} ({len(self.jobs)} jobs were queued before: {first} to {last})",)


def _run(job: Job[R]) -> R:
    try:
        return job.result()
    except KeyboardInterrupt:
        job.cancel()
        raise


def _idempotency_key(request: dict[str, Any]) -> dict[str, str]:
    """The header that makes a repeated request find the job of the first.

    The user's own ``key`` is one; where it cannot stand in a header, the
    field alone does the same.
    """
    key = request.get("key")
    if key is None:
        return {"Idempotency-Key": str(uuid.uuid4())}
    return {"Idempotency-Key": key} if key.isascii() and key.isprintable() and key else {}


def _job_id(answer: Any) -> int:
    if type(answer) is not int or answer < 1:
        raise MlqError("the server did not answer with a job's id")
    return answer


def _shown(writer: CallWriter, request: dict[str, Any]) -> str:
    return str(request.get("name") or writer.function)
