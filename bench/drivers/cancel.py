"""Times a cancel until no process of the job is left.

Each job, and every process it starts, holds a lock on a file. The lock can be
had again when the last of them has gone: the kernel says so, nothing polls.
Prints one JSON object of milliseconds. The server is in MLQ_URL, MLQ_TOKEN.

    cancel.py [--count N]
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import tempfile
import time
from collections.abc import Callable

import mlq

GRACE_S = 1.0
TIMEOUT_S = 30.0


def willing(path: str) -> None:
    """Hold the lock until told to stop."""
    with open(path, "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("held")
        lock.flush()
        time.sleep(600)


def stubborn(path: str) -> None:
    """Hold the lock, with a child in a session of its own, and ignore SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(path, "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fork() == 0:
            os.setsid()
        else:
            lock.write("held")
            lock.flush()
        time.sleep(600)


def wait_until_held(path: str) -> None:
    """Return when the job has written its word into the file."""
    deadline = time.monotonic() + TIMEOUT_S
    while os.path.getsize(path) == 0:
        if time.monotonic() > deadline:
            raise TimeoutError("the job does not start")
        time.sleep(0.005)


def cancelled(function: Callable[[str], None], folder: str, grace: float) -> float:
    """Run a function, cancel it, and tell how many milliseconds its tree lived on."""
    handle, path = tempfile.mkstemp(dir=folder)
    os.fchmod(handle, 0o666)  # jobs may run as another user
    job = mlq.submit(function, path, grace=grace)
    wait_until_held(path)
    time.sleep(0.05)  # the job sleeps by now
    began = time.monotonic()
    job.cancel()
    fcntl.flock(handle, fcntl.LOCK_EX)
    gone = time.monotonic()
    os.close(handle)
    return (gone - began) * 1e3


def main() -> None:
    """Cancel a few jobs of each kind and print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=4)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        times = {
            "stubborn_ms": [
                cancelled(stubborn, folder, GRACE_S) - GRACE_S * 1e3 for _ in range(count)
            ],
            "willing_ms": [cancelled(willing, folder, 10.0) for _ in range(count)],
        }
    print(json.dumps(times))


if __name__ == "__main__":
    main()
