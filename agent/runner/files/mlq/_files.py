"""The files of a job: what lay in its ``out/`` when it ended."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from ._answers import problem_of, read_answer
from ._errors import MlqError
from ._http import LONG_PATIENCE

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

    from ._http import Transport

_PIECE = 1 << 20  # bytes


class File(NamedTuple):
    """A file: its name below ``out/``, with ``/`` between folders, and its size in bytes."""

    name: str
    size: int
    sha256: str


File.__module__ = "mlq"


def list_files(transport: Transport, job: int) -> list[File]:
    """The files that the job left."""
    found = transport.request("GET", f"/jobs/{job}/files").json()
    return [File(str(f["name"]), int(f["size"]), str(f["sha256"])) for f in found["files"]]


def download(transport: Transport, job: int, directory: str | os.PathLike[str]) -> list[Path]:
    """Write all files of the job below ``directory``, which is made if need be.

    Each is written beside its place and moved there once it is whole and has
    its digest, so that no half a file is ever seen.
    """
    root = Path(directory)
    files = list_files(transport, job)
    places = [root / _clean(file.name) for file in files]
    for file, place in zip(files, places):
        place.parent.mkdir(parents=True, exist_ok=True)
        _fetch(transport, job, file, place)
    return places


def _clean(name: str) -> PurePosixPath:
    """The name, if it stays below the directory. A server is not trusted with more."""
    path = PurePosixPath(name)
    parts = name.split("/")
    if path.is_absolute() or "\\" in name or "\0" in name or not {"", ".", ".."}.isdisjoint(parts):
        raise MlqError(f"the server names a file {name!r}, which is no name of a file in out/")
    return path


def _fetch(transport: Transport, job: int, file: File, place: Path) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    try:
        with os.fdopen(descriptor, "wb") as out:
            digest = transport.call(
                "GET",
                f"/jobs/{job}/files/{quote(file.name)}",
                lambda response: _save(response, file, out.fileno()),
                patience=LONG_PATIENCE,
            )
        if digest != file.sha256:
            raise MlqError(f"{file.name} is damaged: its SHA-256 is not the one in the list")
        Path(temporary).replace(place)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise


def _save(response: BaseHTTPResponse, file: File, descriptor: int) -> str:
    """Write a body, from the start of the file on, and return its SHA-256."""
    if response.status != 200:
        raise problem_of(read_answer(response))
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    digest, written = hashlib.sha256(), 0
    while piece := response.read(_PIECE):
        written += len(piece)
        if written > file.size:
            raise MlqError(f"{file.name} is longer than the list says")
        digest.update(piece)
        view = memoryview(piece)
        while view:
            view = view[os.write(descriptor, view) :]
    return digest.hexdigest()
