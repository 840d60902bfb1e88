"""What a run starts and ends: MLQ, the watch of memory, Redis, the foreign process."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MLQ = os.environ.get("MLQ") or str(ROOT / "bin" / "mlq")
# Only a dry run may be without torch (test-gpu.sh).
PRELOAD = ["--preload", "torch"] if importlib.util.find_spec("torch") else []
NVMLTIMES = str(ROOT / "bin" / "nvmltimes")


def until(what: str, true: Callable[[], Any], seconds: float, saw: Callable[[], Any]) -> float:
    """Wait for a condition, and say how long; an AssertionError with what was seen instead."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds:.0f} s: {what}; seen: {saw()}")
        time.sleep(0.02)
    return time.monotonic() - began


def nvmltimes(*args: str) -> dict[str, Any]:
    """Ask the driver, and measure how long it takes."""
    env = {**os.environ, "MLQ": MLQ}
    done = subprocess.run(
        [NVMLTIMES, *args], check=False, capture_output=True, text=True, timeout=150, env=env
    )
    if done.returncode:
        raise AssertionError(done.stderr.strip() or f"nvmltimes ended with {done.returncode}")
    return dict(json.loads(done.stdout))


def end(process: subprocess.Popen[str], seconds: float = 30) -> None:
    """End a process that we started, and wait for it."""
    if process.stdin:
        process.stdin.close()
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(seconds)


@contextlib.contextmanager
def mlq_dev(
    folder: Path, device: str, store: str = "", gpus: str = "nvml"
) -> Iterator[tuple[str, int]]:
    """Run store, server and agent over one device; gives the URL and the pid."""
    folder.mkdir()
    command = [MLQ, "dev", "--data", str(folder / "data"), "--listen", "127.0.0.1:0"]
    command += ["--gpus", gpus, "--python", sys.executable, *PRELOAD]
    command += [*(["--device", device] if device else []), *(["--store", store] if store else [])]
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MLQ_", "CUDA_VISIBLE"))}
    log = (folder / "log").open("w+")
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, stderr=log, text=True, env=env
    )
    lines: list[str] = []
    reader = follow(process, lines)
    urls: list[str] = []
    try:

        def url() -> bool:
            urls[:] = [
                w for x in lines if x.startswith("mlq dev at") for w in x.split() if "://" in w
            ]
            return bool(urls) or process.poll() is not None

        until("mlq dev is ready", url, 90, lambda: (folder / "log").read_text()[-600:])
        if not urls:
            raise AssertionError(f"mlq dev ended: {(folder / 'log').read_text()[-600:]}")
        yield urls[0].rstrip("/"), process.pid
    finally:
        end(process, 60)
        reader.join(5)
        log.close()


def follow(process: subprocess.Popen[str], lines: list[str]) -> threading.Thread:
    """Read what a process prints, line by line."""

    def read() -> None:
        for line in process.stdout or []:
            lines.append(line.strip())

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def host_pids() -> bool:
    """Tell whether pids here are those that the driver tells (PROC_PID_INIT_INO)."""
    return os.readlink("/proc/self/ns/pid") == "pid:[4026531836]"


def get(url: str, path: str) -> Any:
    """Ask the server."""
    with urllib.request.urlopen(url + path, timeout=10) as answer:
        return json.load(answer)


class Watch:
    """When the device had how much memory in use."""

    def __init__(self, device: str) -> None:
        self._lines: list[str] = []
        self._process = subprocess.Popen(
            [NVMLTIMES, "-watch", device], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
        )
        follow(self._process, self._lines)
        until("the driver tells the memory in use", lambda: self._lines, 30, lambda: self._lines)

    def changes(self) -> list[tuple[float, int]]:
        """Give all changes: time of day in seconds, bytes."""
        return [(float(at), int(used)) for at, used in (line.split() for line in list(self._lines))]

    def used(self) -> int:
        """Give what is in use now."""
        return self.changes()[-1][1]

    def close(self) -> None:
        """Stop."""
        end(self._process)


@contextlib.contextmanager
def foreign(device: str, dry: bool) -> Iterator[subprocess.Popen[str]]:
    """Run a program that uses the device past MLQ."""
    command = [sys.executable, str(HERE / "foreign.py"), *(["--standin"] if dry else [])]
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": device}
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    lines: list[str] = []
    follow(process, lines)
    try:
        ready = lambda: lines or process.poll() is not None
        until("the foreign process has its memory", ready, 60, lambda: lines)
        if not lines:
            raise AssertionError(f"the foreign process: {process.stderr and process.stderr.read()}")
        yield process
    finally:
        end(process)


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Run a Redis of our own on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder.mkdir()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True)

    def answers() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    try:
        until("Redis answers", answers, 20, process.poll)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        end(process)
