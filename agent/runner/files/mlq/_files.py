"""The files of a job: what lay in its ``out/`` when it ended."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from ._answers import problem_of, read_answer, reading
from ._errors import MlqError
from ._http import LONG_PATIENCE
from ._transfer import in_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3.response import BaseHTTPResponse

    from ._http import Transport

_PIECE = 1 << 20  # bytes
# Without it the server reads all of a file for its SHA-256 before it sends the first byte.
_COMPARES = {"Mlq-Compares": "sha-256"}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class File(NamedTuple):
    """A file: its name below ``out/``, with ``/`` between folders, and its size in bytes."""

    name: str
    size: int
    sha256: str


File.__module__ = "mlq"


def list_files(transport: Transport, job: int) -> list[File]:
    """The files that the job left."""
    found = transport.request("GET", f"/jobs/{job}/files").object()
    with reading("list of files"):
        return [File(str(f["name"]), int(f["size"]), str(f["sha256"])) for f in found["files"]]


def download(transport: Transport, job: int, directory: str | os.PathLike[str]) -> list[Path]:
    """Write all files of the job below ``directory``, which is made if need be.

    Each is written beside its place and moved there once it is whole and has
    its digest, so that no half a file is ever seen. Raises MlqError where this
    machine's disk has no room, before anything is fetched where that is plain.
    """
    root = Path(directory)
    files = list_files(transport, job)
    places = [root / _clean(file.name) for file in files]
    with _disk_in_words(root):
        root.mkdir(parents=True, exist_ok=True)
    _check_room(root, sum(file.size for file in files))
    for file, place in zip(files, places):
        with _disk_in_words(place):
            place.parent.mkdir(parents=True, exist_ok=True)
        _fetch(transport, job, file, place)
    return places


def _check_room(root: Path, size: int) -> None:
    free = shutil.disk_usage(root).free
    if size > free:
        raise MlqError(
            f"no room on this machine's disk: the files have {in_bytes(size)}, and {root} has "
            f"{in_bytes(free)} left. Nothing was fetched; job.download(directory) takes another one"
        )


@contextlib.contextmanager
def _disk_in_words(place: Path) -> Iterator[None]:
    """An error of this machine's disk is no reason to ask the server again."""
    try:
        yield
    except OSError as err:
        if err.errno in _NO_ROOM:
            text = f"no room on this machine's disk for {place} ({err.strerror})"
            raise MlqError(f"{text}; what was fetched before stays, no half file is left") from None
        raise MlqError(f"cannot write {place}: {err.strerror or err}") from None


def _clean(name: str) -> PurePosixPath:
    """The name, if it stays below the directory. A server is not trusted with more."""
    path = PurePosixPath(name)
    parts = name.split("/")
    odd = "\\" in name or "\0" in name or _has_half(name)
    if path.is_absolute() or odd or not {"", ".", ".."}.isdisjoint(parts):
        raise MlqError(f"the server names a file {name!r}, which is no name of a file in out/")
    return path


def _has_half(name: str) -> bool:
    """Whether there are halves of characters in it, which JSON can write and UTF-8 cannot."""
    return any("\ud800" <= c <= "\udfff" for c in name)


def _fetch(transport: Transport, job: int, file: File, place: Path) -> None:
    with _disk_in_words(place):
        descriptor, temporary = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name[:64]}.")
    try:
        with os.fdopen(descriptor, "wb") as out:
            digest = transport.call(
                "GET",
                f"/jobs/{job}/files/{quote(file.name)}",
                lambda response: _save(response, file, out.fileno(), place),
                headers=_COMPARES,
                patience=LONG_PATIENCE,
                moved=lambda: os.fstat(out.fileno()).st_size,
            )
        if digest != file.sha256:
            raise MlqError(f"{file.name} is damaged: its SHA-256 is not the one in the list")
        with _disk_in_words(place):
            Path(temporary).replace(place)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise


def _save(response: BaseHTTPResponse, file: File, descriptor: int, place: Path) -> str:
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
        with _disk_in_words(place):
            while view:
                view = view[os.write(descriptor, view) :]
    return digest.hexdigest()
