"""What is measured."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import jobs
from lab import PRELOAD
from report import Report, mib, spread
from subject import JOB, Bench


def driver(report: Report, measured: dict[str, Any]) -> None:
    """What the driver takes to answer, and memory while nothing runs."""
    report.figure(
        "nvmlInit",
        ", ".join(f"{t:.1f}" for t in measured["init_ms"])
        + f" ms (persistence {measured['persistence']})",
    )
    for name, t in measured["calls"].items():
        times = (
            f"p50 {t['p50_ms']:.3f}, p99 {t['p99_ms']:.3f}, max {t['max_ms']:.3f} ms (n={t['n']})"
        )
        report.figure(name, f"{times} {t['answer']}" if t["n"] else t["answer"])
    m = measured["memory"]
    report.figure(
        "memory while nothing runs",
        f"v1 used {mib(m['v1_used'])}; v2 used {mib(m['v2_used'])}, reserved {mib(m['v2_reserved'])}; ours {mib(m['ours'])}",
    )


def times(b: Bench, rounds: int) -> None:
    """Times of jobs, which use the device a little."""
    b.report.check("jobs that are measured", lambda: measured_jobs(b, rounds))


def measured_jobs(b: Bench, rounds: int) -> str:
    """Run some alone, and some from a queue."""
    alone = []
    for _ in range(rounds):
        began = time.time()
        first, _ = b.client.submit(jobs.tiny, b.state_file).result(JOB, stream=False)
        alone.append(((time.time() - began) * 1e3, (first - began) * 1e3))
        b.becomes_free()
    b.report.figure(
        f"submit to result, warm (preloaded: {' '.join(PRELOAD[1:]) or 'nothing'})",
        spread([t for t, _ in alone], "ms"),
    )
    b.report.figure("submit to first line, warm", spread([t for _, t in alone], "ms"))
    queue = [b.client.submit(jobs.tiny, b.state_file) for _ in range(rounds + 1)]
    ran = sorted(job.result(JOB, stream=False) for job in queue)
    b.becomes_free()
    between = [(nxt[0] - last[1]) * 1e3 for last, nxt in zip(ran, ran[1:])]
    assert min(between) > 0, f"two jobs were on the device at once: {between}"
    b.report.figure("T8: last line of a job to first line of the next", spread(between, "ms"))
    b.report.figure(
        "T8: from free memory to first line of the next", spread(from_free(b, ran), "ms")
    )
    return f"{2 * rounds + 1} jobs, none beside another"


def from_free(b: Bench, ran: list[tuple[float, float]]) -> list[float]:
    """Give, for each next job, the ms from the first moment in which the memory was free."""
    changes, gaps = b.watch.changes(), []
    for (_, ended), (began, _) in zip(ran, ran[1:]):
        free = [at for at, used in changes if ended <= at <= began and used <= b.idle]
        if free:
            gaps.append((began - free[0]) * 1e3)
    return gaps


def idle(b: Bench, seconds: float) -> None:
    """What MLQ costs a host on which nothing runs (T13)."""
    family = {pid: line for pid, line in below(b.pid).items() if "nvml-probe" in line}
    pids = {"server, store and agent (one process)": [b.pid], "probe": list(family)}
    before = {name: sum(map(cpu, some)) for name, some in pids.items()}
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    for name, some in pids.items():
        share = (sum(map(cpu, some)) - before[name]) / took
        b.report.figure(f"T13: {name}, idle", f"{share:.2%} of a core, {mib(sum(map(pss, some)))}")


def below(pid: int) -> dict[int, str]:
    """Find the children of a process, with their command lines."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                found[int(path.name)] = (path / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue  # it has ended
    return found


def cpu(pid: int) -> float:
    """Give the seconds on a core so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss(pid: int) -> int:
    """Give the memory in bytes, in which what several share counts in parts."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) << 10
    return 0
