"""A job sees its own device, and no other."""

from __future__ import annotations

from pathlib import Path

import jobs
import mlq
from lab import get, mlq_dev
from report import Report, Skipped
from subject import JOB, Bench


def checks(b: Bench) -> None:
    """Run them."""
    b.report.check("a job sees one device", lambda: sees_one(b))
    b.report.check("a job cannot open the file of another GPU", lambda: opens_own(b))


def sees_one(b: Bench) -> str:
    """Count what CUDA shows."""
    said = b.client.submit(jobs.sees).result(JOB, stream=False)
    assert said["visible"] == b.card, said
    if b.standin:
        raise Skipped(f"CUDA is not there in a dry run; CUDA_VISIBLE_DEVICES was {said['visible']}")
    assert said["count"] == 1, said
    return f"{said} of {len(b.measured['devices'])} that the driver lists"


def opens_own(b: Bench) -> str:
    """Try all files of GPUs that are not the lease's."""
    own = next(d["minor"] for d in b.measured["devices"] if d["uuid"] == b.card)
    others = [str(p) for p in Path("/dev").glob("nvidia[0-9]*") if p.name != f"nvidia{own}"]
    hosts = get(b.url, "/hosts")["hosts"]
    level = next((h.get("isolation") for h in hosts), None)
    if not others:
        raise Skipped("there is no other GPU here")
    said = b.client.submit(jobs.opens, others).result(JOB, stream=False)
    if level not in ("systemd", "cgroup"):
        raise Skipped(
            f"jobs are not held in control groups here (isolation: {level}); the kernel said {said}"
        )
    assert "open" not in said.values(), f"isolation: {level}; the kernel said {said}"
    return f"isolation: {level}; the kernel said {said}"


def cpu_slot(report: Report, folder: Path) -> None:
    """Look from a job without a device, beside the GPU."""

    def look() -> str:
        with mlq_dev(folder / "cpu", "", gpus="cpu:1") as (url, _):
            said = mlq.Client(url).submit(jobs.sees, gpus=0).result(JOB, stream=False)
        assert not (said["visible"] or "").startswith(("GPU-", "MIG-")), said
        if str(said["count"]).startswith("no libcuda"):
            raise Skipped(str(said))
        assert said["count"] == 0, f"a job with gpus=0 sees {said}"
        return str(said)

    report.check("a job on a CPU slot (gpus=0) sees no device", look)
