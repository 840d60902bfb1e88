"""The local modules of a call, unpacked in a folder of the job and put first on ``sys.path``."""

from __future__ import annotations

import io
import os
import stat
import sys
import zipfile
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._envelope import Buffer

MAX_BYTES = 64 << 20  # of all files together; _ship.py sends at most 16 MiB
MAX_FILES = 10_000

# The others have errors of their own, one of them OSError, which says that there is no room.
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

# What zipfile lets through of an archive that is damaged: ValueError of an offset before its
# beginning, OverflowError of one that no file has.
_DAMAGED = (EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError)


class Refused(ValueError):
    """The archive is damaged, too large, or names what lies outside of its folder."""


def unpack(archive: Buffer) -> str:
    """Unpack, make importable; the folder. Raises Refused, and OSError where there is no room."""
    folder = os.path.join(os.environ["MLQ_JOB_DIR"], "tmp", f"modules-{os.getpid()}")
    os.mkdir(folder, 0o700)
    tops = set()
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            members = packed.infolist()
            _check(members)
            room = MAX_BYTES
            for member in members:
                room -= _write(packed, member, folder, room)
                tops.add(member.filename.partition("/")[0].partition(".")[0])
    except Refused:
        raise
    except (zipfile.BadZipFile, zlib.error, *_DAMAGED) as err:
        raise Refused(f"not an archive of modules: {err}") from None
    _prefer(folder, tops)
    return folder


def _check(members: list[zipfile.ZipInfo]) -> None:
    """Refuse all before the first is written."""
    if len(members) > MAX_FILES:
        raise Refused(f"{len(members)} files, and at most {MAX_FILES} are taken")
    names = set()
    for member in members:
        parts = member.filename.split("/")
        if not all(parts) or {".", ".."} & set(parts) or "\\" in member.filename:
            raise Refused(f"a file is named {member.filename[:64]!r}")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise Refused(f"{member.filename[:64]!r} is no plain file")
        if member.compress_type not in _PACKED:
            raise Refused(f"{member.filename[:64]!r} is packed with method {member.compress_type}")
        if member.filename in names:
            raise Refused(f"two files are named {member.filename[:64]!r}")
        names.add(member.filename)


def _write(packed: zipfile.ZipFile, member: zipfile.ZipInfo, folder: str, room: int) -> int:
    """Write a member; its size. It is not believed what size it says that it has."""
    with packed.open(member) as source:
        data = source.read(room + 1)
    if len(data) > room:
        raise Refused(f"more than {MAX_BYTES} bytes of files")
    path = os.path.join(folder, *member.filename.split("/"))
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except (FileExistsError, NotADirectoryError):
        raise Refused(f"{member.filename[:64]!r} is a file and a folder") from None
    with open(fd, "wb") as target:
        target.write(data)
    return len(data)


def _prefer(folder: str, tops: set[str]) -> None:
    """These modules are the job's, whatever a warm parent has imported of the same name."""
    sys.path.insert(0, folder)
    for name in list(sys.modules):
        if name.partition(".")[0] in tops:
            del sys.modules[name]
