"""Times an array on its way into a job, and out of one, beside a copy over loopback.

The copy is one process' memory into another's over TCP, both touched before. As an
argument the array is there when the function has read all of its pages; as a result when
``result()`` has returned it. Clocks are CLOCK_MONOTONIC, which all processes of a machine
share. Peaks are the kernel's VmHWM. Prints one JSON object: bytes per second and bytes.

    payload.py --folder DIR [--mib N]
"""

# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

import argparse
import hashlib
import json
import mmap
import multiprocessing
import os
import socket
import tempfile
import time
import warnings
from typing import Any

import mlq

TIMEOUT_S = 600


def peak() -> int:
    """The most memory that this process had, in bytes."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def forget_peak() -> None:
    """Let the next peak be one from now on."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def send(listener: socket.socket, size: int, times: int) -> None:
    """The other end of the copy."""
    memory = memoryview(bytearray(b"x" * size))
    for _ in range(times):
        connection, _address = listener.accept()
        with connection:
            connection.sendall(b"!")  # the memory is there
            connection.recv(1)
            connection.sendall(memory)


def loopback(size: int, times: int = 3) -> list[float]:
    """Bytes per second of a copy into memory that is there."""
    rates = []
    memory = memoryview(bytearray(b"y" * size))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        other = multiprocessing.get_context("fork").Process(
            target=send, args=(listener, size, times)
        )
        other.start()
        for _ in range(times):
            with socket.create_connection(listener.getsockname()) as connection:
                connection.recv(1)
                began, at = time.monotonic(), 0
                connection.sendall(b"!")
                while at < size:
                    at += connection.recv_into(memory[at : at + (1 << 20)])
                rates.append(size / (time.monotonic() - began))
        other.join()
    return rates


def disk(size: int, folder: str) -> float:
    """Bytes per second of a file that is written and synced: what each hop's disk does at best."""
    memory = memoryview(bytearray(b"x" * size))
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        began = time.monotonic()
        for at in range(0, size, 1 << 20):
            file.write(memory[at : at + (1 << 20)])
        os.fsync(file.fileno())
        return size / (time.monotonic() - began)


def bounds(size: int) -> dict[str, float]:
    """Bytes per second of a core: of one hash, and of filling memory that was not there before."""
    there = memoryview(bytearray(b"x" * size))
    began = time.process_time()
    hashlib.sha256(there).digest()
    hashed = time.process_time()
    with mmap.mmap(-1, size) as fresh:
        fresh[:] = there
        return {"hash": size / (hashed - began), "fresh": size / (time.process_time() - hashed)}


def as_argument(size: int) -> dict[str, Any]:
    """One array into a job, which reads it and writes to it."""
    import numpy

    def take(array: Any) -> tuple[float, int]:  # local, so that its code travels with the call
        array[::4096].sum()
        there = time.monotonic()
        array[::4096] = 1  # all of it is the job's own now
        return there, peak()

    array = numpy.ones(size, "u1")
    forget_peak()
    before, began = peak(), time.monotonic()
    there, runner = mlq.submit(take, array).result(timeout=TIMEOUT_S, stream=False)
    return {"rate": size / (there - began), "client": peak() - before, "runner": runner}


def as_result(size: int) -> dict[str, Any]:
    """One array out of a job."""

    def give(size: int) -> Any:
        import atexit

        import numpy

        # After the result was written, and into the log.
        atexit.register(lambda: print("peak", peak()))
        array = numpy.ones(size, "u1")
        return time.monotonic(), array

    mlq.submit(give, 1000).result(stream=False)  # what is imported for a result is here
    forget_peak()
    before = peak()
    job = mlq.submit(give, size)
    began, array = job.result(timeout=TIMEOUT_S, stream=False)
    there = time.monotonic()
    if array.nbytes != size or not array.all():
        raise SystemExit("another array arrived")
    array[0] = 7
    runner = int(job.logs().split("peak ")[1])
    return {"rate": size / (there - began), "client": peak() - before, "runner": runner}


def main() -> None:
    """Measure, with the copy before, between and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--folder", required=True, help="on the disk of server and agent")
    args = parser.parse_args()
    size = args.mib << 20
    warnings.simplefilter("ignore")  # that it is large
    copies = loopback(size)
    argument = as_argument(size)
    copies += loopback(size)
    result = as_result(size)
    copies += loopback(size)
    written = disk(size, args.folder)
    found = {"loopback": copies, "disk": written, "argument": argument, "result": result}
    print(json.dumps({**found, **bounds(size)}))


if __name__ == "__main__":
    main()
