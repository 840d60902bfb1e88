"""The runner as the slot has it: a process with a socket pair at descriptor 3."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import cloudpickle

import mlq
from mlq import _dump
from mlq._envelope import Envelope, pack, unpack

PACKAGE_FOLDER = str(Path(mlq.__file__).parents[1])
# As the slot starts it, but that the slot has put the line at descriptor 3.
BOOTSTRAP = (
    "import os, sys; os.dup2(int(sys.argv.pop(1)), 3, inheritable=False); "
    "sys.path.insert(0, sys.argv.pop(1)); from mlq.runner import main; main()"
)
PATIENCE = 30.0  # seconds


class Runner:
    """A spare interpreter, and the slot's end of the line to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.line.settimeout(PATIENCE)
        fd = theirs.fileno()
        command = [sys.executable, "-I", "-c", BOOTSTRAP, str(fd), PACKAGE_FOLDER, "--spare"]
        self.process = subprocess.Popen(command, pass_fds=[fd])
        theirs.close()
        self.result = (folder / "result").open("w+b")
        self.log = (folder / "log").open("w+b")
        self.progress: list[Any] = []

    def close(self) -> None:
        self.line.close()
        self.process.kill()
        self.process.wait(PATIENCE)
        self.result.close()
        self.log.close()

    def hear(self, op: str) -> dict[str, Any]:
        while True:
            packet = self.line.recv(1 << 18)
            assert packet, "the runner ended: " + (self.folder / "log").read_text()
            message: dict[str, Any] = json.loads(packet)
            if message.get("op") == op or op in message:
                return message

    def become(self, **grant: Any) -> None:
        message = {
            "op": "run",
            "env": {"PATH": os.defpath, "MLQ_JOB_ID": "53"},
            "environment": "torch25",
            "work_dir": str(self.folder),
            "job_dir": str(self.folder),
            "limits": {},
            "max_result": 1 << 20,
            **grant,
        }
        files = [self.result.fileno(), self.log.fileno()]
        socket.send_fds(self.line, [json.dumps(message).encode()], files)
        self.hear("waiting")

    def go(self, kind: str, parts: list[bytes], **header: Any) -> None:
        line = json.dumps({"kind": kind, "parts": [len(p) for p in parts], **header}).encode()
        call = self.folder / "call"
        call.write_bytes(line.ljust(4095) + b"\n" + b"".join(parts))
        with call.open("rb") as file:
            socket.send_fds(self.line, [b'{"op":"go"}'], [file.fileno()])

    def go_apart(self, kind: str, parts: list[bytes], sizes: list[int]) -> list[Path]:
        """The parts in files of their own; their paths."""
        paths = [self.folder / f"part{n}" for n in range(len(parts))]
        header = self.folder / "header"
        header.write_bytes(json.dumps({"kind": kind, "parts": sizes}).encode() + b"\n")
        for path, part in zip(paths, parts):
            path.write_bytes(part)
        with contextlib.ExitStack() as opened:
            files = [opened.enter_context(path.open("rb")) for path in (header, *paths)]
            socket.send_fds(self.line, [b'{"op":"go"}'], [file.fileno() for file in files])
        return paths

    def end(self) -> tuple[int, Envelope]:
        code = self.process.wait(PATIENCE)
        return code, unpack(bytearray((self.folder / "result").read_bytes()))

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[int, Envelope]:
        self.become()
        self.go("envelope", [envelope(function, *args, **kwargs)])
        return self.end()


def envelope(
    function: Callable[..., Any], *args: Any, python: str = platform.python_version(), **kwargs: Any
) -> bytes:
    dumped = _dump.dumps((args, kwargs))
    frames: list[Any] = [("code", by_value(function)), ("args", dumped.pieces)]
    frames += [(f"b{i}", buffer) for i, buffer in enumerate(dumped.buffers)]
    return b"".join(pack({"kind": "call", "python": python}, frames))


def by_value(function: Callable[..., Any]) -> bytes:
    module = sys.modules[function.__module__]
    cloudpickle.register_pickle_by_value(module)
    try:
        data: bytes = cloudpickle.dumps(function, protocol=5)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    return data
