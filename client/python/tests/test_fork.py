"""A program that forks: its child has clients that start anew, and none of the parent's waiting."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from scripted import Reply, as_json

if TYPE_CHECKING:
    import threading

    from scripted import Scripted

PROGRAM = """
import os, sys, threading, warnings
warnings.simplefilter("ignore")  # that a process with threads forks
import mlq
from mlq import Executor

client = mlq.connect(sys.argv[1])
busy, free, heard = threading.Event(), threading.Event(), []
running = Executor()
futures = running._follow([client.job(50)])  # never ends
client.job(51).add_done_callback(lambda job: heard.append(job.id))  # never ends
client.job(60).add_done_callback(lambda job: (busy.set(), free.wait(60)))
assert busy.wait(30), "a thread of callbacks is at work"
assert client._watcher._thread.is_alive()
locks = [client._watcher._lock, client._transport._lock, running._changed]
for lock in locks:
    lock.acquire()  # as another thread may, at the moment of the fork
child = os.fork()
if child:
    _, status = os.waitpid(child, 0)
    free.set()
    sys.exit(os.waitstatus_to_exitcode(status) if hasattr(os, "waitstatus_to_exitcode") else status)
called = threading.Event()
client.job(61).add_done_callback(lambda job: called.set())
assert called.wait(20), "the child's own callback was not called"
assert [job.id for job in mlq.as_completed([client.job(60), client.job(61)], 20)]
with Executor() as own:
    assert own._follow([client.job(61)])[0].exception(20) is not None
running.shutdown()
assert not heard, "the parent's callback was called in its child"
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_starts_anew(scripted: Scripted, stays: threading.Event) -> None:
    stream = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: beat\n\n"
    scripted.on("GET /events", Reply(raw=stream, stays=stays))
    for job, state in ((50, "running"), (51, "running"), (60, "cancelled"), (61, "cancelled")):
        scripted.on(f"GET /jobs/{job}", as_json({"id": job, "state": state}))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, scripted.url],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
