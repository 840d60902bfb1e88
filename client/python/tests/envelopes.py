"""Results and errors as a server would send them."""

from __future__ import annotations

import hashlib
import pickle
import platform
from typing import Any

from mlq._envelope import MEDIA_TYPE, pack
from mlq._values import encode
from scripted import Reply

PYTHON = platform.python_version()


def result(value: Any, python: str = PYTHON) -> bytes:
    header, frames = encode(value)
    return b"".join(pack({"kind": "result", "python": python, "short": "", **header}, frames))


def error(exception: BaseException | bytes, python: str = PYTHON, **header: Any) -> bytes:
    pickled = exception if isinstance(exception, bytes) else pickle.dumps(exception, protocol=5)
    fields = {"kind": "error", "python": python, "short": "", "reason": "error", **header}
    return b"".join(pack(fields, [("pickle", pickled)]))


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def reply(body: bytes, status: int = 200, **headers: str) -> Reply:
    etag = {"ETag": f'"{digest(body)}"'} if status == 200 else {}
    return Reply(status, {"Content-Type": MEDIA_TYPE, **etag, **headers}, body)
