"""A process that MLQ did not start, on the device."""

from __future__ import annotations

import os
import time

import jobs
import mlq
from lab import foreign, host_pids, until
from report import Skipped, mib
from subject import CLEAR, JOB, Bench

SEEN = 6.0  # seconds, which is what issue and docs promise
MEMORY = 512 << 20
STAYS = 5.0  # seconds in which a job must not start: more than two looks of the agent


def checks(b: Bench) -> None:
    """Run them, in this order: each goes on from the one before."""
    b.report.check("the device is free before the foreign process", b.becomes_free)
    with foreign(b.card, dry=b.standin is not None) as process:
        if b.standin:
            b.standin.add(process.pid, 512)
        b.report.check(f"a foreign process is seen within {SEEN:.0f} s", lambda: seen(b))
        b.report.check("it is named, with pid, user and memory", lambda: named(b, process.pid))
        job = b.client.submit(jobs.tiny, b.state_file, name="waits for the foreign process")
        b.report.check(
            "a job waits, and why names who is there", lambda: waits(b, job, process.pid)
        )
    left = time.monotonic()
    b.report.check("the device comes back", lambda: comes_back(b))
    b.report.check("the job that waited runs", lambda: runs(job, left))


def comes_back(b: Bench) -> str:
    """Wait until it is free, or has the job already."""
    took = until(
        "it is not foreign", lambda: b.device()["state"] in ("free", "leased"), CLEAR, b.state
    )
    return f"{took:.2f} s after the end of the process"


def runs(job: mlq.Job[tuple[float, float]], left: float) -> str:
    """Wait for its result."""
    job.result(JOB, stream=False)
    return f"its result came {time.monotonic() - left:.2f} s after the end of the process"


def seen(b: Bench) -> str:
    """Wait for the state."""
    took = until("it is foreign", lambda: b.device()["state"] == "foreign", SEEN, b.state)
    b.report.figure("from the memory of a foreign process to the state foreign", f"{took:.2f} s")
    return b.state()


def named(b: Bench, pid: int) -> str:
    """Find it in the list of processes."""
    there = b.device().get("foreign", [])
    if not host_pids():
        raise Skipped(
            f"this is a container with pids of its own, where the driver's are not ours; seen: {there}"
        )
    mine = [p for p in there if p["pid"] == pid]
    assert mine, f"no process {pid} in {there}; {b.state()}"
    assert mine[0]["uid"] == os.getuid(), f"user {os.getuid()} expected, seen: {mine[0]}"
    # -1: a driver may not tell the memory of single processes.
    assert mine[0]["memory"] >= MEMORY, f"{mib(MEMORY)} expected, seen: {mine[0]}"
    return f"{mine[0].get('name')}, pid {pid}, user {mine[0].get('user') or os.getuid()}, {mib(mine[0]['memory'])}"


def waits(b: Bench, job: mlq.Job[tuple[float, float]], pid: int) -> str:
    """Look for some seconds that it does not start."""
    end, why = time.monotonic() + STAYS, ""
    while time.monotonic() < end:
        state = job.state
        assert state in ("pending", "queued"), (
            f"the job is {state} although the device is {b.state()}"
        )
        why = str(job.why())
        time.sleep(0.2)
    if host_pids():
        assert str(pid) in why, f"pid {pid} is not in: {why}"
    else:
        assert "not" in why or "foreign" in why, why
    return why
