"""Times the stop button: from an interrupt of a real kernel until it is idle again.

A kernel waits for a job of an `mlq dev` of its own: in `job.result()`, which leaves the
job, or in `mlq.run`, which cancels it. Prints one JSON object of milliseconds by stage.

    interrupt.py [--count N] MLQ
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

from jupyter_client.manager import KernelManager

TIMEOUT_S = 60.0

SETUP = """
import mlq, time
def sleeps(): print("up", flush=True); time.sleep(600)
def floods():
    while True: print("x" * 70)
def large(): return bytearray(256 << 20)
def busy(): return mlq.submit(sleeps)
"""


class Kernel:
    """A kernel that runs one cell at a time."""

    def __init__(self, url: str) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(env={**os.environ, "MLQ_URL": url})
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT_S)
        self.run(SETUP)

    def start(self, code: str) -> str:
        """Run a cell, without waiting for it."""
        cell: str = self.client.execute(code)
        return cell

    def until(self, cell: str, holds: Callable[[str, str], bool]) -> None:
        """Receive what a cell publishes until a message's kind and text are those wanted."""
        end, text = time.monotonic() + TIMEOUT_S, ""
        while time.monotonic() < end:
            try:
                message = self.client.get_iopub_msg(timeout=0.5)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") == cell:
                kind, content = message["header"]["msg_type"], message["content"]
                text = content.get("text") or content.get("data", {}).get("text/plain", "")
                if holds(kind, content.get("execution_state") or text):
                    return
        raise TimeoutError(f"not within {TIMEOUT_S} s; the last that came: {text[-500:]!r}")

    def run(self, code: str) -> None:
        """Run a cell to its end."""
        self.until(self.start(code), is_idle)

    def stop(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def is_idle(kind: str, text: str) -> bool:
    """The kernel has done all of a cell."""
    return (kind, text) == ("status", "idle")


def shows(word: str) -> Callable[[str, str], bool]:
    """The cell wrote or painted this."""
    return lambda kind, text: kind != "status" and word in text


@contextlib.contextmanager
def dev(binary: str, folder: str) -> Iterator[tuple[str, int]]:
    """An `mlq dev` with one slot: its URL and its pid."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    command = [binary, "dev", "--listen", url[7:], "--data", folder, "--gpus", "cpu:1"]
    with (
        open(os.path.join(folder, "log"), "wb") as log,
        subprocess.Popen(  # noqa: S603 - the binary that is measured
            [*command, "--python", sys.executable], stdout=log, stderr=log, start_new_session=True
        ) as server,
    ):
        try:
            wait_until_ready(url)
            yield url, server.pid
        finally:
            server.send_signal(signal.SIGCONT)
            server.terminate()


def wait_until_ready(url: str) -> None:
    """Return when the server answers."""
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"{url}/readyz", timeout=2).close()
            return
        time.sleep(0.1)
    raise TimeoutError(f"no mlq at {url}")


STAGES = {
    # stage: what happens before, the function, what the cell shows when it is there
    "queued": ("first = busy()", "sleeps", "queued, place"),
    "running": ("", "sleeps", "up"),
    "flood": ("", "floods", "lines hidden"),
    "download": ("", "large", "succeeded"),
    "frozen": ("", "sleeps", "up"),
}
WAITS = {"result": "mlq.submit({}).result()", "run": "mlq.run({})"}


def measured(kernel: Kernel, pid: int, stage: str, wait: str) -> float:
    """Milliseconds from the interrupt to idle, at one stage."""
    before, function, word = STAGES[stage]
    kernel.run(before)
    cell = kernel.start(WAITS[wait].format(function))
    kernel.until(cell, shows(word))
    if stage == "frozen":
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    kernel.manager.interrupt_kernel()
    kernel.until(cell, is_idle)
    took = time.monotonic() - began
    os.kill(pid, signal.SIGCONT)
    kernel.run("while any(j.cancel() for j in mlq.jobs('queued,leased,running')): time.sleep(.05)")
    return took * 1e3


def main() -> None:
    """Interrupt a few times at each stage and print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("mlq")
    given = parser.parse_args()
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, dev(given.mlq, folder) as (url, pid):
        kernel = Kernel(url)
        try:
            for stage in STAGES:
                for wait in WAITS:
                    found = [measured(kernel, pid, stage, wait) for _ in range(given.count)]
                    times[f"{stage}, {wait}"] = found
        finally:
            kernel.stop()
    print(json.dumps(times))


if __name__ == "__main__":
    main()
