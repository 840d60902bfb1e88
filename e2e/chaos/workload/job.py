"""The job of the chaos test: it says of itself when it ran, on what, and for whom.

Sent as source. Each line is one write, appended, so that nothing but a job that
runs can have written it.
"""

import fcntl
import hashlib
import json
import os
import signal
import sys
import time

BEAT = 0.02  # seconds


def slot():
    """The process that this job is of, and its device: an ancestor, `mlq slot --device=UUID`."""
    pid = os.getppid()
    while pid > 1:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            args = f.read().decode().split("\0")
        for arg in args[2:]:
            if args[1] == "slot" and arg.startswith("--device="):
                return pid, arg.partition("=")[2]
        with open(f"/proc/{pid}/stat", "rb") as f:
            pid = int(f.read().rpartition(b") ")[2].split()[1])
    raise RuntimeError("no slot is above this job")


class Truth:
    """Where a job writes what is true of it."""

    def __init__(self, root):
        self.slot, device = slot()
        self.job, self.attempt = int(os.environ["MLQ_JOB_ID"]), int(os.environ["MLQ_ATTEMPT"])
        self.fence = os.environ["MLQ_FENCE_TOKEN"]
        self.host = os.path.relpath(os.environ["MLQ_JOB_DIR"], root).split(os.sep)[0]
        self.who = {
            "job": self.job,
            "attempt": self.attempt,
            "fence": self.fence,
            "device": device,
            "host": self.host,
        }
        self.fd = os.open(
            os.path.join(root, "truth.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666
        )
        # Held by this process and all that it forks; the kernel's word on who has the device.
        self.lock = os.open(os.path.join(root, "locks", device), os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self.lock, 100, 0).decode()
            me = f"job {self.job} attempt {self.attempt}"
            what = f"{me} found {device} locked by job {holder}"
            self.line({"kind": "orphan", "host": self.host, "what": what})
            raise
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, f"{self.job} attempt {self.attempt}".encode(), 0)

    def line(self, what):
        """Write one line."""
        os.write(self.fd, json.dumps(what).encode() + b"\n")

    def say(self, kind, **more):
        """Write what is true now."""
        self.line(
            {
                "kind": kind,
                **self.who,
                **more,
                "boot_ns": time.clock_gettime_ns(time.CLOCK_BOOTTIME),
            }
        )

    def run(self, seconds):
        """Be there for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(BEAT, left))
            self.say("beat")

    def value(self, size):
        """A line that names the attempt, and so many bytes that follow from it."""
        seed = f"{self.job} {self.attempt} {self.fence}"
        filler = hashlib.shake_256(seed.encode()).hexdigest(size // 2) if size else ""
        return f"{seed} {hashlib.sha256(filler.encode()).hexdigest()}\n{filler}"


def daemonise(seconds):
    """Leave a process behind that nobody is the parent of, and that does not want to go."""
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(s, signal.SIG_IGN)
    time.sleep(seconds)
    os._exit(0)


def chaos(msg):
    """Do what the message asks, and tell of it."""
    truth = Truth(msg["root"])
    truth.say("start")
    if msg["do"] == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if msg["do"] == "daemon":
        daemonise(60)
    truth.run(msg["seconds"])
    if msg["do"] == "poison":
        os.kill(truth.slot, signal.SIGKILL)
        time.sleep(60)
    if msg["do"] == "fail" or (msg["do"] == "flaky" and truth.attempt == 1):
        raise ValueError("this was planned")
    print("done", file=sys.stderr)
    value = truth.value(msg["size"])
    truth.say("end", value=value.partition("\n")[0])
    return value
