"""Files of a job, onto a disk without room for them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Callable

import pytest

import mlq
from scripted import Reply, as_json

if TYPE_CHECKING:
    from pathlib import Path

    from scripted import Request, Scripted

MIB = 1 << 20

# A limit of the kernel's on this process' files: a write that goes beyond fails as on a full disk.
PROGRAM = """
import resource, signal, sys, time
import mlq
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))
began = time.monotonic()
try:
    mlq.Client(sys.argv[1]).job(53).download(sys.argv[2])
except mlq.MlqError as error:
    assert error.__cause__ is None and error.__suppress_context__
    assert time.monotonic() - began < 30, "the server is not to blame, nor asked again"
    print(error)
"""


def offer(scripted: Scripted, **files: bytes) -> None:
    listed = [
        {"name": name, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        for name, body in files.items()
    ]
    scripted.on("GET /jobs/53/files", as_json({"files": listed}))
    for name, body in files.items():
        scripted.on(
            f"GET /jobs/53/files/{name}",
            Reply(200, {"Content-Type": "application/octet-stream"}, body),
        )


def test_patience_begins_anew_with_each_step_forward(
    scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlq._files.LONG_PATIENCE", 0.4)
    body = b"z" * (3 * MIB)
    offer(scripted, file=body)

    def breaks_after(size: int) -> Callable[[Request], Reply]:
        def answer(_: Request) -> Reply:
            time.sleep(0.5)  # longer than the patience: a transfer that takes its time
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n"
            return Reply(raw=head.encode() + b"Mlq-Version: 0\r\n\r\n" + body[:size])

        return answer

    whole = Reply(200, {"Content-Type": "application/octet-stream"}, body)
    scripted.on("GET /jobs/53/files/file", breaks_after(MIB), breaks_after(2 * MIB), whole)
    with mlq.Client(scripted.url) as client:
        (path,) = client.job(53).download(tmp_path / "here")
    assert path.read_bytes() == body


def test_a_disk_that_fills_up(scripted: Scripted, tmp_path: Path) -> None:
    offer(scripted, small=b"x" * MIB, large=b"y" * (5 * MIB))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, scripted.url, str(tmp_path / "here")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.count("\n") == 1
    assert "no room on this machine's disk for" in done.stdout
    assert "large" in done.stdout
    assert os.listdir(tmp_path / "here") == ["small"], "what is whole stays, and nothing else"
    assert len(scripted.asked("GET /jobs/53/files/large")) == 1


def test_a_disk_without_room_is_seen_before(
    scripted: Scripted, client: mlq.Client, tmp_path: Path
) -> None:
    offer(scripted, small=b"x")
    free = shutil.disk_usage(tmp_path).free
    files = {"files": [{"name": "small", "size": free * 2, "sha256": "0" * 64}]}
    scripted.on("GET /jobs/53/files", as_json(files))
    with pytest.raises(mlq.MlqError, match=r"no room .* GB left\. Nothing was fetched"):
        client.job(53).download(tmp_path)
    assert not scripted.asked("GET /jobs/53/files/small")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_written(
    scripted: Scripted, client: mlq.Client, tmp_path: Path
) -> None:
    offer(scripted, small=b"x")
    (tmp_path / "file").touch()
    with pytest.raises(mlq.MlqError, match=r"cannot write .*file: File exists"):
        client.job(53).download(tmp_path / "file")
    (tmp_path / "small").mkdir()
    with pytest.raises(mlq.MlqError, match=r"cannot write .*small: Is a directory"):
        client.job(53).download(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["file", "small"]
