"""Calls on their way to the server: one by one, as blobs, or many in one request.

Every submission carries an idempotency key that is the same for all tries,
so that a lost answer never makes two jobs out of one.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from . import _giveup, _words
from ._beside import HashOf
from ._envelope import BATCH_MEDIA_TYPE, MEDIA_TYPE
from ._errors import MlqError
from ._http import LONG_PATIENCE, PATIENCE
from ._pickle import PYTHON, CallWriter, size_of
from ._upload import Upload

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._answers import Answer
    from ._envelope import Buffer
    from ._http import Body, Transport

INLINE = 1 << 20  # bytes: a larger call is uploaded as a blob
_NO_SUCH_ROUTE = (404, 405)  # of a server that is older than POST /blobs
_DAMAGED = 2  # times that an upload is sent of which other bytes arrive
BATCH_JOBS = 10_000
BATCH_BYTES = 16 << 20


class Sender:
    """Sends the calls of one function with the same request fields."""

    def __init__(
        self,
        transport: Transport,
        fn: Callable[..., Any],
        request: dict[str, Any],
        *,
        many: bool = False,
        owned: bool = False,
    ) -> None:
        """An interrupt of who sends an ``owned`` call cancels its job."""
        self._transport, self._owned = transport, owned
        self._request = {name: value for name, value in request.items() if name != "modules"}
        self._writer = CallWriter(fn, request, many=many)
        self.name = str(request.get("name") or self._writer.function)

    def one(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """Submit one call; its job's id."""
        return self._one(self._writer.write(args, kwargs))

    def _one(self, parts: list[Buffer]) -> int:
        key = _idempotency_key(self._request)
        if size_of(parts) <= INLINE:
            headers = {"Content-Type": MEDIA_TYPE, **key}
            return self._queue(parts, headers)
        return self._as_blob(parts, key)

    def _queue(self, body: Body, headers: dict[str, str]) -> int:
        def post(patience: float) -> int:
            return _job_id(self._post("/jobs", body, headers, patience).json())

        if self._owned:
            return _giveup.submit(self._transport, _words.one_line(self.name, 60), post)
        return post(PATIENCE)

    def _as_blob(self, parts: list[Buffer], key: dict[str, str]) -> int:
        reference = {
            "sha256": self._upload(parts),
            "size": size_of(parts),
            "function": self._writer.function,
            "python": PYTHON,
        }
        body = json.dumps({**self._request, "call": reference}).encode()
        return self._queue(body, {"Content-Type": "application/json", **key})

    def _post(
        self, path: str, body: Body, headers: dict[str, str], patience: float = PATIENCE
    ) -> Answer:
        """Submit. A server that has the calls' modules gets no more than their hash."""

        def send() -> Answer:
            return self._transport.request(
                "POST", path, body=body, headers=headers, patience=patience
            )

        try:
            return send()
        except MlqError as err:
            if err.code != "blob-missing" or not self._writer.archives:
                raise
        for sha256, archive in self._writer.archives.items():
            self._send("PUT", f"/blobs/{sha256}", Upload([archive], self.name))
        return send()

    def _upload(self, parts: list[Buffer]) -> str:
        """Upload what is hashed meanwhile; the SHA-256."""
        hashed = HashOf(parts)
        try:
            return self._upload_unnamed(parts, hashed)
        except MlqError as err:
            if err.status not in _NO_SUCH_ROUTE:
                raise
            sha256 = hashed.hexdigest()
            self._send("PUT", f"/blobs/{sha256}", Upload(parts, self.name))
            return sha256
        finally:
            hashed.drop()

    def _upload_unnamed(self, parts: list[Buffer], hashed: HashOf) -> str:
        """The server hashes too. Once more where another one arrived."""
        for _ in range(_DAMAGED):
            answer = self._send("POST", "/blobs", Upload(parts, self.name)).json()
            sha256 = hashed.hexdigest()
            if isinstance(answer, dict) and answer.get("sha256") == sha256:
                return sha256
        raise MlqError(
            "the server has got other bytes than were sent: they are damaged on the way, or an "
            "argument was changed while it was sent"
        )

    def _send(self, method: str, path: str, upload: Upload) -> Answer:
        answer = self._transport.request(
            method,
            path,
            body=upload,
            headers={"Content-Type": "application/octet-stream"},
            patience=LONG_PATIENCE,
            moved=lambda: upload.furthest,
        )
        upload.done()
        return answer

    def many(self, calls: list[tuple[Any, ...]], kwargs: dict[str, Any]) -> list[int]:
        """Submit many calls, as few requests as they fit into; their jobs' ids in order.

        An error names what was queued before it.
        """
        ids: list[int] = []
        batch = _Batch()
        try:
            for args in calls:
                parts = self._writer.write(args, kwargs)
                size = size_of(parts)
                if not batch.takes(size):
                    ids += self._batch(batch)
                    batch = _Batch()
                if size > INLINE:
                    ids.append(self._one(parts))
                else:
                    batch.add(parts, size)
            ids += self._batch(batch)
        except MlqError as err:
            if ids:
                queued = f"{len(ids)} jobs were queued before: {ids[0]} to {ids[-1]}"
                err.args = (f"{err} ({queued})",)
            raise
        return ids

    def _batch(self, batch: _Batch) -> list[int]:
        if not batch.count:
            return []
        headers = {"Content-Type": BATCH_MEDIA_TYPE, "Idempotency-Key": str(uuid.uuid4())}
        ids = self._post("/jobs/batch", b"".join(batch.parts), headers).json()
        if not isinstance(ids, list) or len(ids) != batch.count:
            raise MlqError("the server did not answer with one id for each job")
        return [_job_id(job) for job in ids]


class _Batch:
    """Envelopes that go into one request, one after the other."""

    def __init__(self) -> None:
        self.parts: list[Buffer] = []
        self.count = 0
        self._bytes = 0

    def takes(self, size: int) -> bool:
        """Whether so many bytes fit in. A large call does not: it goes by itself, in its turn."""
        return size <= INLINE and self.count < BATCH_JOBS and self._bytes + size <= BATCH_BYTES

    def add(self, parts: list[Buffer], size: int) -> None:
        self.parts += parts
        self.count += 1
        self._bytes += size


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
