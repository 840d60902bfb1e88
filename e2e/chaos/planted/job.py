"""A job that says of itself when it ran. Each line is one write, appended."""

import json
import os
import signal
import time


def device():
    """The device of this job, by the command line of its slot, which is above it."""
    pid = os.getppid()
    while pid > 1:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            args = f.read().decode().split("\0")
        for arg in args[2:]:
            if args[1] == "slot" and arg.startswith("--device="):
                return arg.partition("=")[2]
        with open(f"/proc/{pid}/stat", "rb") as f:
            pid = int(f.read().rpartition(b") ")[2].split()[1])
    raise RuntimeError("no slot is above this job")


def job(msg):
    """Run for msg["seconds"], of which each attempt has its own, or until it is enough."""
    seconds = msg["seconds"][min(int(os.environ["MLQ_ATTEMPT"]), len(msg["seconds"])) - 1]
    who = {
        "job": int(os.environ["MLQ_JOB_ID"]),
        "attempt": int(os.environ["MLQ_ATTEMPT"]),
        "fence": os.environ["MLQ_FENCE_TOKEN"],
        "host": os.path.relpath(os.environ["MLQ_JOB_DIR"], msg["root"]).split(os.sep)[0],
    }
    who["device"] = device()
    out = os.open(os.path.join(msg["root"], "truth.jsonl"), os.O_WRONLY | os.O_APPEND)

    def say(kind, **more):
        line = {"kind": kind, **who, **more, "boot_ns": time.clock_gettime_ns(time.CLOCK_BOOTTIME)}
        os.write(out, json.dumps(line).encode() + b"\n")

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say("start")
    until = time.monotonic() + seconds
    enough = os.path.join(msg["root"], "enough")
    while time.monotonic() < until and not os.path.exists(enough):
        time.sleep(0.02)
        say("beat")
    value = f"{who['job']} {who['fence']}"
    say("end", value=value)
    return value
