"""Times the gap between two queued jobs on one device.

All jobs are queued at once and the host has one slot, so each gap is what the
queue costs. Prints one JSON object with lists of milliseconds: by the records
(an attempt's end to the next one's start, the store's clock) and by the
functions (last line to first line, CLOCK_MONOTONIC).

    turnover.py [--count N]
"""

from __future__ import annotations

import argparse
import json
import os
import time
import urllib.request
from datetime import datetime
from typing import Any

import mlq

TIMEOUT_S = 120


def record(job: int) -> dict[str, Any]:
    """The job as the server tells it."""
    request = urllib.request.Request(
        f"{os.environ['MLQ_URL']}/jobs/{job}",
        headers={"Authorization": f"Bearer {os.environ['MLQ_TOKEN']}"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def seconds(text: str) -> float:
    """RFC 3339 to seconds."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def gaps(spans: list[tuple[float, float]]) -> list[float]:
    """Milliseconds from each span's end to the next one's start."""
    spans = sorted(spans)
    return [(after[0] - before[1]) * 1e3 for before, after in zip(spans, spans[1:])]


def main() -> None:
    """Queue the jobs, wait for all, print the gaps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    count = parser.parse_args().count

    def work(_: int) -> tuple[float, float]:  # local, so that its code travels with the calls
        began = time.monotonic()
        time.sleep(0.01)
        return began, time.monotonic()

    jobs = mlq.map(work, range(count))
    functions = [job.result(timeout=TIMEOUT_S, stream=False) for job in jobs]
    attempts = [record(job.id)["attempts"][-1] for job in jobs]
    records = [(seconds(a["started"]), seconds(a["ended"])) for a in attempts]
    print(json.dumps({"function_ms": gaps(functions), "records_ms": gaps(records)}))


if __name__ == "__main__":
    main()
