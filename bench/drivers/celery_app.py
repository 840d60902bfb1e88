"""The celery peer: one task, results kept in the same Redis."""

# mypy: disable-error-code="import-not-found,untyped-decorator"

from __future__ import annotations

import os
import time

from celery import Celery

app = Celery("bench", broker=os.environ["BENCH_REDIS"], backend=os.environ["BENCH_REDIS"])


@app.task
def stamp() -> int:
    """Return the time at which the task began."""
    return time.monotonic_ns()
