"""Try MLQ on a real NVIDIA GPU, measure, and write a report (make test-gpu).

With --standin FOLDER it is a dry run on NVML's stand-in: what has to be CUDA's runs on the
CPU, and the report says so. Ends with 1 if a check failed, with 2 if there is no GPU.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

import figures
import holders
import isolated
import works
from lab import MLQ, Watch, host_pids, mlq_dev, nvmltimes
from report import Report, mib
from standin import StandIn
from subject import Bench

MINUTES = 10


def stop(number: int, _: FrameType | None) -> None:
    """End in good order, so that what was started ends too."""
    raise SystemExit(
        f"test-gpu: ended by {signal.Signals(number).name} after at most {MINUTES} minutes"
    )


def main() -> int:
    """Do all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--standin", type=Path, help="folder of NVML's stand-in: a dry run")
    parser.add_argument(
        "--device", help="UUID of the device to try (default: the one least in use)"
    )
    parser.add_argument("--report", type=Path, required=True, help="where to write the report")
    parser.add_argument("--rounds", type=int, default=20, help="how many jobs are measured")
    parser.add_argument("--idle", type=float, default=20, help="seconds in which nothing is run")
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGTERM, stop)
    signal.alarm(MINUTES * 60)

    report = Report(dry=options.standin is not None)
    standin = StandIn(options.standin) if options.standin else None
    try:
        found = nvmltimes()["devices"]
        card = options.device or least_used(found)
        measured = nvmltimes(card) if card else {}
    except AssertionError as err:
        print(f"test-gpu: no NVIDIA GPU can be asked here: {err}", file=sys.stderr)
        return 2
    if not found:
        print("test-gpu: NVIDIA's driver lists no GPU here", file=sys.stderr)
        return 2
    try:
        machine(report, measured)
        figures.driver(report, measured)
        with tempfile.TemporaryDirectory(prefix="mlq-test-gpu-") as folder:
            at = Path(folder)
            report.attempt(
                "MLQ on the device",
                lambda: every(report, at, measured, card, standin, options.rounds, options.idle),
            )
            isolated.cpu_slot(report, at)
            works.on_redis(report, at, card, standin)
    finally:
        report.write(options.report)
        if standin:
            standin.close()
    print(f"test-gpu: {report.failed} checks failed; the report is {options.report}")
    return 1 if report.failed else 0


def least_used(devices: list[dict[str, Any]]) -> str:
    """Give the UUID of the device to try; one that has no answer is not in use, and no choice."""
    well = [d for d in devices if "fault" not in d] or devices
    return min(well, key=lambda d: (d["processes"], d["used"]))["uuid"] if well else ""


def every(
    report: Report,
    folder: Path,
    measured: dict[str, Any],
    card: str,
    standin: StandIn | None,
    rounds: int,
    idle: float,
) -> None:
    """Run all checks, on one server and its agent."""
    watch = Watch(card)
    try:
        with mlq_dev(folder / "dev", card) as (url, pid):
            bench = Bench(report, url, pid, card, measured, watch, standin)
            if report.check("the device is there and free", bench.becomes_free):
                report.attempt("jobs", lambda: works.checks(bench))
                report.attempt("what jobs see", lambda: isolated.checks(bench))
                report.attempt("a foreign process", lambda: holders.checks(bench))
                report.attempt("times of jobs", lambda: figures.times(bench, rounds))
                report.attempt("an idle host", lambda: figures.idle(bench, idle))
    finally:
        watch.close()


def machine(report: Report, measured: dict[str, Any]) -> None:
    """Say on what this runs."""
    for d in measured["devices"]:
        cc = f"compute capability {d['cc'] // 10}.{d['cc'] % 10}"
        kind = "MIG slice" if d["kind"] == "mig" else "MIG off or not there"
        report.fact(
            f"device {d['uuid']}",
            f"{d['model']}, {mib(d['memory'])}, {cc}, {kind}, /dev/nvidia{d['minor']}",
        )
    report.fact("driver", f"{measured['driver']}, CUDA {measured['cuda']}")
    for name in ("persistence", "ecc", "compute_mode"):
        report.fact(name.replace("_", " "), measured[name])
    report.fact(
        "machine", f"{platform.machine()}, Linux {platform.release()}, {os.cpu_count()} cores"
    )
    report.fact(
        "pid namespace",
        "the machine's"
        if host_pids()
        else "a container's: pids that the driver tells are not ours",
    )
    version = subprocess.run([MLQ, "version"], capture_output=True, text=True, check=True).stdout
    report.fact("mlq", version)
    report.fact("Python", platform.python_version())
    report.fact("user", "root" if os.geteuid() == 0 else "not root")


if __name__ == "__main__":
    sys.exit(main())
