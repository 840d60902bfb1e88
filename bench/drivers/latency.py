"""Times single calls, one after the other, over MLQ or a peer.

Each call returns CLOCK_MONOTONIC as its first act; all processes of one
machine share that clock, so the time from submit to start needs no agreement
between them. Prints one JSON object: lists of milliseconds.

    latency.py {mlq|http|kept|rq|celery} URL [--count N] [--warm-up N] [--pause SECONDS]
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable

TIMEOUT_S = 30


def over_mlq(url: str) -> Callable[[], int]:
    """Submit over HTTP to the server at url; the token is in MLQ_TOKEN."""
    os.environ["MLQ_URL"] = url
    import mlq

    def stamp() -> int:  # local, so that its code travels with the call
        return time.monotonic_ns()

    return lambda: mlq.submit(stamp).result(timeout=TIMEOUT_S, stream=False)


def over_http(url: str) -> Callable[[], int]:
    """Post the function's source as curl would, and wait on the server; without MLQ's client."""
    return posted(url, {"source": STAMP, "function": "stamp", "msg": None})


def over_kept(url: str) -> Callable[[], int]:
    """Post a message for a function that stays loaded, as curl would, and wait on the server."""
    import urllib3

    send = {"Authorization": f"Bearer {os.environ['MLQ_TOKEN']}", "Content-Type": "text/x-python"}
    answer = urllib3.PoolManager().request(
        "POST", f"{url}/consumer?name=stamp&keep=1", body=STAMP, headers=send
    )
    if answer.status != 201:
        raise RuntimeError(answer.data.decode())
    return posted(url, {"msg": None})


STAMP = "import time\n\ndef stamp(msg, *args):\n    return time.monotonic_ns()\n"


def posted(url: str, fields: dict[str, object]) -> Callable[[], int]:
    """Post these fields as a job, and wait on the server for its result."""
    import urllib3

    body = json.dumps(fields)
    http = urllib3.PoolManager()
    send = {
        "Authorization": f"Bearer {os.environ['MLQ_TOKEN']}",
        "Content-Type": "application/json",
    }

    def call() -> int:
        job = http.request("POST", f"{url}/jobs", body=body, headers=send).data.decode()
        answer = http.request("GET", f"{url}/jobs/{job}/result?wait={TIMEOUT_S}s", headers=send)
        return int(answer.data)

    return call


def over_rq(url: str) -> Callable[[], int]:
    """Enqueue into rq's queue "bench" and wait on the result's stream."""
    from redis import Redis
    from rq import Queue
    from rq_tasks import stamp

    queue = Queue("bench", connection=Redis.from_url(url))

    def call() -> int:
        result = queue.enqueue(stamp).latest_result(timeout=TIMEOUT_S)
        if result is None:
            raise TimeoutError("no result")
        return int(result.return_value)

    return call


def over_celery(url: str) -> Callable[[], int]:
    """Delay a celery task and wait for its result by pub/sub."""
    os.environ["BENCH_REDIS"] = url
    from celery_app import stamp

    return lambda: int(stamp.delay().get(timeout=TIMEOUT_S))


OVER = {"mlq": over_mlq, "http": over_http, "kept": over_kept, "rq": over_rq, "celery": over_celery}


def measure(
    call: Callable[[], int], count: int, warm_up: int, pause: float
) -> dict[str, list[float]]:
    """Call count times after warm_up unmeasured calls."""
    start: list[float] = []
    result: list[float] = []
    for n in range(warm_up + count):
        if pause:
            time.sleep(pause)
        submitted = time.monotonic_ns()
        began = call()
        ended = time.monotonic_ns()
        if n >= warm_up:
            start.append((began - submitted) / 1e6)
            result.append((ended - submitted) / 1e6)
    return {"start_ms": start, "result_ms": result}


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("over", choices=tuple(OVER))
    parser.add_argument("url")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--warm-up", type=int, default=30)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds of rest before each call")
    args = parser.parse_args()
    print(json.dumps(measure(OVER[args.over](args.url), args.count, args.warm_up, args.pause)))


if __name__ == "__main__":
    main()
