"""Jobs that try to get out, one check each, and a report of what held them.

Run by ``make test-isolation`` on a real host: it ends with 1 if anything did not hold.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import mlq

PATIENCE = 120.0  # seconds, for one job
MEMORY = 512 << 20  # bytes: --job-memory of test-isolation.sh
PROCESSES = 64  # its --job-processes
ORDINARY = ["/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/ptmx"]

failed: list[str] = []


def check(what: str, held: bool, saw: object) -> None:
    """Print one line of the report."""
    print(f"| {what} | {'holds' if held else '**does not hold**'} | {saw} |", flush=True)
    if not held:
        failed.append(what)


# What jobs run.


def try_to_open(paths: list[str]) -> dict[str, str]:
    """Open each, and say what the kernel answered."""
    said = {}
    for path in paths:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
        except OSError as err:
            said[path] = errno.errorcode[err.errno or 0]
        else:
            said[path] = "open"
    return said


def groups() -> str:
    """Tell in which control group of cgroup2 this is."""
    return next(line for line in Path("/proc/self/cgroup").read_text().split() if line[:3] == "0::")


def fork_many(most: int) -> int:
    """Have as many children at once as the kernel lets, and count them."""
    children = 0
    try:
        for _ in range(most):
            if os.fork() == 0:
                signal.pause()
            children += 1
    except BlockingIOError:
        pass
    return children


def fill(size: int) -> int:
    """Use so much memory, each page of it."""
    data = bytearray(size)
    data[::4096] = b"x" * len(data[::4096])
    return len(data)


def hide() -> tuple[int, int]:
    """Leave a process behind that has nothing of ours but its group; with the slot's pid."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.execve("/bin/sleep", ["sleep", "3600"], {})
        os.write(write, str(pid).encode())
        os._exit(0)
    hidden = int(os.read(read, 20))
    stat = Path(
        f"/proc/{os.getppid()}/stat"
    ).read_text()  # of the warm parent, whose parent is the slot
    return hidden, int(stat.rpartition(")")[2].split()[1])


def hide_and_stay() -> None:
    """Do that, say who it is, and run on."""
    mlq.context().update_progress(hide())
    time.sleep(3600)


def nothing() -> None:
    """Cost as little as a job can."""


# What is checked.


def until(true: Callable[[], bool]) -> bool:
    """Wait for a condition, at most for PATIENCE."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def lives(pid: int) -> bool:
    """Tell whether a process is there and not dead."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def told(job: mlq.Job[None]) -> tuple[int, int]:
    """Wait for what a job says of itself; before that there are words."""
    until(lambda: isinstance(job.progress, list))
    hidden, slot = job.progress
    return hidden, slot


def level_shown(level: str, limits: str) -> None:
    """Check that the host shows what was asked for, for here that can be had."""
    url = os.environ["MLQ_URL"] + "/hosts"
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # the server that ran us
        shown = json.load(answer)["hosts"][0]["isolation"]
    want = [{"systemd": "systemd scope", "cgroup": "control group"}[level], "own devices only"]
    if limits:
        want += ["memory 512MiB", f"{PROCESSES} processes"]
    check("the level that `mlq hosts` shows", all(word in shown for word in want), shown)


def own_group(level: str) -> None:
    """Check where a job runs and, of a scope, what systemd made of it."""
    job = mlq.submit(groups)
    group = job.result(PATIENCE)
    place = "/mlq.slice/mlq-job-" if level == "systemd" else "/mlq-job-"
    check("a group of its own", f"{place}{job.id}-1-" in group, f"`{group}`")


def scope_properties() -> None:
    """Show the properties of the scope of a job that runs."""
    job = mlq.submit(hide_and_stay)
    told(job)
    units = subprocess.run(
        ["systemctl", "show", f"mlq-job-{job.id}-1-*.scope", "-p"]
        + [
            "Id,Slice,MemoryMax,MemorySwapMax,TasksMax,DevicePolicy,DeviceAllow,KillMode,CollectMode,OOMPolicy"
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    job.cancel()
    want = [
        f"MemoryMax={MEMORY}",
        f"TasksMax={PROCESSES}",
        "DevicePolicy=closed",
        "Slice=mlq.slice",
    ]
    check(
        "the scope as systemd has it",
        all(w in units for w in want),
        " ".join(f"`{u}`" for u in units),
    )


def devices() -> None:
    """Check that what opens out here does not open for a job."""
    nodes = ["/dev/fuse", "/dev/kmsg", "/dev/kvm", "/dev/loop-control", "/dev/net/tun"]
    nodes += [
        str(path)
        for pattern in ("nvidia[0-9]*", "nvidiactl", "dri/*")
        for path in Path("/dev").glob(pattern)
    ]
    here = [path for path, said in try_to_open(nodes).items() if said == "open"]
    said = mlq.submit(try_to_open, here).result(PATIENCE)
    refused = bool(here) and set(said.values()) == {"EPERM"}
    check("devices that are not the lease's do not open", refused, json.dumps(said))
    said = mlq.submit(try_to_open, ORDINARY).result(PATIENCE)
    check("ordinary devices open", set(said.values()) == {"open"}, json.dumps(said))


def processes() -> None:
    """Check the limit of processes."""
    children = mlq.submit(fork_many, 4 * PROCESSES).result(PATIENCE)
    check(f"at most {PROCESSES} processes", 0 < children < PROCESSES, f"{children} children")


def memory() -> None:
    """Check that a job that wants too much is ended, and why it says it was."""
    err = mlq.submit(fill, 2 * MEMORY).exception(PATIENCE)
    oom = isinstance(err, mlq.JobOutOfMemory)
    check("no more memory than the limit", oom, f"`{type(err).__name__}: {err}`".replace("\n", " "))
    size = mlq.submit(fill, MEMORY // 4).result(PATIENCE)
    check("less than the limit is had", size == MEMORY // 4, f"{size >> 20} MiB")


def leftovers() -> None:
    """Check that nothing outlives a job, nor a job whose slot was killed."""
    hidden, _ = mlq.submit(hide).result(PATIENCE)
    check(
        "a process that hides ends with its job", until(lambda: not lives(hidden)), f"pid {hidden}"
    )
    job = mlq.submit(hide_and_stay)
    hidden, slot = told(job)
    os.kill(slot, signal.SIGKILL)
    check(
        "it ends when its slot is killed",
        until(lambda: not lives(hidden)),
        f"pid {hidden}, slot {slot}",
    )
    job.cancel()


def cost() -> float:
    """Give the time from submit to result of a job that does nothing, in milliseconds."""
    times = []
    for _ in range(50):
        began = time.perf_counter()
        mlq.submit(nothing).result(PATIENCE)
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def main() -> int:
    """Check everything that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--level", choices=["systemd", "cgroup"])
    parser.add_argument(
        "--limits", default="", help="the limits that the agent was given, in its words"
    )
    parser.add_argument("--cost-only", action="store_true")
    options = parser.parse_args()
    if options.cost_only:
        print(f"Without a group, submit to result takes {cost():.1f} ms (p50 of 50).")
        return 0
    print(
        f"Kernel {platform.release()}, isolation {options.level}, limits `{options.limits or 'none'}`\n"
    )
    print("| check | | saw |\n|---|---|---|")
    level_shown(options.level, options.limits)
    own_group(options.level)
    if options.level == "systemd":
        scope_properties()
    devices()
    if options.limits:
        processes()
        memory()
    leftovers()
    print(f"\nWith a group, submit to result takes {cost():.1f} ms (p50 of 50).")
    print(f"{len(failed)} of the checks did not hold", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
