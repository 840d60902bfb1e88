"""Times one bulk enqueue of many calls of one function.

bulk.py {mlq|rq} URL [--count N]
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable


def over_mlq(url: str) -> Callable[[int], int]:
    """One request to the server at url; the token is in MLQ_TOKEN."""
    os.environ["MLQ_URL"] = url
    import mlq

    def double(n: int) -> int:  # local, so that its code travels with the calls
        return 2 * n

    return lambda count: len(mlq.map(double, range(count)))


def over_rq(url: str) -> Callable[[int], int]:
    """One pipeline to Redis."""
    from redis import Redis
    from rq import Queue

    queue = Queue("bench", connection=Redis.from_url(url))

    def enqueue(count: int) -> int:
        calls = [Queue.prepare_data("builtins.abs", args=(n,)) for n in range(count)]
        return len(queue.enqueue_many(calls))

    return enqueue


def main() -> None:
    """Parse the command line, warm up with ten calls, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("over", choices=("mlq", "rq"))
    parser.add_argument("url")
    parser.add_argument("--count", type=int, default=10_000)
    args = parser.parse_args()
    enqueue = {"mlq": over_mlq, "rq": over_rq}[args.over](args.url)
    enqueue(10)
    began = time.monotonic()
    jobs = enqueue(args.count)
    seconds = time.monotonic() - began
    if jobs != args.count:
        raise SystemExit(f"{jobs} jobs enqueued, not {args.count}")
    print(json.dumps({"jobs": jobs, "per_second": jobs / seconds}))


if __name__ == "__main__":
    main()
