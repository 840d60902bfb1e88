"""Times what a cell waits for: until submit returns, and until mlq is imported.

Each job's result is waited for before the next is submitted, outside the measured time. The
imports are those of fresh interpreters, timed within, their files compiled.
Prints one JSON object: lists of milliseconds. The server is in MLQ_URL, MLQ_TOKEN.

    notebook.py [--count N] [--imports N]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import mlq

TIMEOUT_S = 30
WARM_UP = 20

IMPORT = """
import time
began = time.perf_counter_ns()
import mlq
named = time.perf_counter_ns()
mlq.Client, mlq.submit
import mlq._send  # what a submit imports in the end
print(named - began, time.perf_counter_ns() - began)
"""


def submits(count: int) -> list[float]:
    """Submit so many jobs, one at a time."""

    def nothing() -> None:
        pass

    times = []
    for n in range(WARM_UP + count):
        began = time.monotonic_ns()
        job = mlq.submit(nothing)
        ended = time.monotonic_ns()
        job.result(timeout=TIMEOUT_S, stream=False)
        if n >= WARM_UP:
            times.append((ended - began) / 1e6)
    return times


def imports(count: int) -> tuple[list[float], list[float]]:
    """Import mlq in so many interpreters: alone, and with all that a first submit needs."""
    named, needed = [], []
    with tempfile.TemporaryDirectory() as compiled:
        env = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
        for n in range(count + 1):
            said = subprocess.run(  # noqa: S603 - this very interpreter
                [sys.executable, "-c", IMPORT], env=env, capture_output=True, text=True, check=True
            )
            if n:  # the first one compiles
                short, long = said.stdout.split()
                named.append(int(short) / 1e6)
                needed.append(int(long) / 1e6)
    return named, needed


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--imports", type=int, default=20)
    args = parser.parse_args()
    named, needed = imports(args.imports)
    found = {"submit_ms": submits(args.count), "import_ms": named, "ready_ms": needed}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
