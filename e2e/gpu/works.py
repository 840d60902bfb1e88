"""A PyTorch job through the whole system, and memory that is given back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import jobs
import mlq
from lab import mlq_dev, redis, until
from report import Report, Skipped, mib
from standin import StandIn
from subject import CLEAR, JOB, Bench


def checks(b: Bench) -> None:
    """Run them."""
    b.report.check(
        "a PyTorch job computes on the device", lambda: compute(b.client, b.card, b.state_file)
    )
    b.report.check("a cancelled job that held 1 GiB gives it back", lambda: gives_back(b))


def compute(client: mlq.Client, card: str, standin: str | None) -> str:
    """Have it multiply, and look at the result and at what it saw."""
    said = client.submit(jobs.matmul, standin, name="matmul").result(JOB, stream=False)
    assert said["right"], f"the product is wrong: {said}"
    assert said["visible"] == card, (
        f"CUDA_VISIBLE_DEVICES is {said['visible']}, the lease is on {card}"
    )
    if standin is None:
        on_device(said, card)
    return f"on {said['name']}, torch {said['torch']}, CUDA {said['cuda']}"


def on_device(said: dict[str, Any], card: str) -> None:
    """Compare what CUDA calls the device with the lease."""
    assert said["count"] == 1, f"torch sees {said['count']} devices"
    wanted = card.split("-", 1)[1].lower()
    assert said["driver_uuid"].lower() == wanted, (
        f"CUDA's device is {said['driver_uuid']}, the lease is on {card}"
    )
    if said["torch_uuid"] and card.startswith("GPU-"):
        assert said["torch_uuid"].lower().removeprefix("gpu-") == wanted, (
            f"torch's device is {said['torch_uuid']}"
        )


def gives_back(b: Bench) -> str:
    """Cancel a job and wait for its memory."""
    b.becomes_free()
    before = int(b.measured["memory"]["ours"])
    job = b.client.submit(jobs.hold, b.state_file, 1024, name="holds 1 GiB")
    until("the job holds 1 GiB", lambda: job.progress == "held", JOB, lambda: job.state)
    until("the driver tells it", lambda: b.watch.used() >= before + (1 << 30), 10, b.watch.used)
    held = b.watch.used()
    job.cancel()
    took = until(
        "the memory is free", lambda: b.watch.used() <= b.idle, CLEAR, lambda: mib(b.watch.used())
    )
    free = until("the device is free", lambda: b.device()["state"] == "free", CLEAR, b.state)
    return f"{mib(held)} in use, given back after {took:.2f} s, free {free:.2f} s later"


def on_redis(report: Report, folder: Path, card: str, standin: StandIn | None) -> None:
    """Do it again on the other store."""

    def look() -> str:
        if not shutil.which("redis-server"):
            raise Skipped("redis-server is not installed")
        with (
            redis(folder / "redis") as store,
            mlq_dev(folder / "on-redis", card, store) as (url, _),
        ):
            return compute(mlq.Client(url), card, str(standin.state) if standin else None)

    report.check("a PyTorch job computes on the device, store: Redis", look)
