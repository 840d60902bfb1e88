"""A job outlives its kernel: found again by its id, from anywhere, with its log from the start."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from kernel import Kernel
from lab import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import mlq
    from lab import Lab

STEPS = """
def steps(path):
    import mlq, pathlib, time
    print("first line", flush=True)
    for n in mlq.progress(range(4)):
        print("step", n, flush=True)
        while n == 1 and not pathlib.Path(path).exists():
            time.sleep(0.02)
    return {"done": 4}
"""
ALL = "first line\nstep 0\nstep 1\nstep 2\nstep 3\n"


@pytest.fixture
def own(lab: Lab) -> Iterator[Kernel]:
    """A kernel that a test may kill."""
    made = Kernel({"MLQ_URL": lab.url})
    try:
        yield made
    finally:
        made.stop()


def started(own: Kernel, gate: Path) -> int:
    """A job that has printed and waits for its gate."""
    own.run(STEPS)
    number = int(own.value(f"(job := mlq.submit(steps, {str(gate)!r})).id"))
    own.run("import time\nwhile 'step 1' not in job.logs(): time.sleep(0.05)")
    return number


def test_after_a_restart_in_the_middle(own: Kernel, gate: Path) -> None:
    number = started(own, gate)
    waiting = own.start("job.result()")
    waiting.until("the log", lambda: "step 1" in waiting.stdout)
    own.restart()
    cell = own.start(f"mlq.job({number}).result()")
    cell.until("the log and the bar", lambda: "step 1" in cell.stdout and "%" in cell.line(number))
    assert cell.stdout == "first line\nstep 0\nstep 1\n"
    assert "25 % (1 of 4" in cell.line(number)
    gate.touch()
    cell.done()
    assert cell.stdout == ALL
    assert cell.of("execute_result")[0].text == "{'done': 4}"
    assert f"mlq job {number} steps: succeeded" in cell.line(number)


def test_from_another_machine(own: Kernel, lab: Lab, gate: Path, tmp_path: Path) -> None:
    number = started(own, gate)
    gate.touch()
    script = f"import mlq; print(mlq.job({number}).result())"
    env = {"HOME": str(tmp_path), "MLQ_URL": lab.url, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == ALL + "{'done': 4}\n"
    assert f"mlq job {number} steps: succeeded" in done.stderr


def test_a_kernel_that_was_killed_leaves_its_job(own: Kernel, gate: Path) -> None:
    number = started(own, gate)
    own.start("job.result()")
    own.kill()
    own.restart()
    gate.touch()
    assert own.value(f"mlq.job({number}).result(stream=False)") == "{'done': 4}"


def test_killed_in_the_middle_of_an_upload(
    own: Kernel, lab: Lab, client: mlq.Client, tmp_path: Path
) -> None:
    """No job is queued, no half of a call stays, and the next one goes through."""
    before = client.jobs(limit=1)
    blobs, known = lab.data / "d" / "blobs", set(files(lab.data / "d" / "blobs"))
    own.run(SLOWLY)
    cell = own.start("mlq.submit(len, bytearray(64 << 20))")
    until("a part has arrived", lambda: any(f not in known for f in files(blobs)))
    assert not cell.over
    own.kill()
    until("nothing of it is left", lambda: set(files(blobs)) <= known)
    assert [j.id for j in client.jobs(limit=1)] == [j.id for j in before]
    own.restart()
    assert own.value("mlq.submit(len, bytearray(64 << 20)).result(stream=False)") == str(64 << 20)


# Half of the upload, and then nothing more until it is killed.
SLOWLY = """
import http.client, threading
whole = http.client.HTTPConnection.send
sent = 0
def slowly(self, data):
    global sent
    if isinstance(data, (bytes, bytearray, memoryview)):
        sent += len(data)
    if sent > 32 << 20:
        whole(self, memoryview(data)[: 8 << 20])
        threading.Event().wait(300)
    return whole(self, data)
http.client.HTTPConnection.send = slowly
"""


def files(folder: Path) -> list[str]:
    """The files below a folder, those that are being written too."""
    return [str(path) for path in folder.rglob("*") if path.is_file()]


TRAIN = "def train(lr):\n    import os\n    return os.environ['MLQ_JOB_ID'], lr"
WITH_KEY = "mlq.submit(train, {lr}, key='epoch 1')"


def test_a_key_finds_its_job_again(own: Kernel) -> None:
    own.run(TRAIN)
    first = own.value(WITH_KEY.format(lr=0.1) + ".result(stream=False)")
    own.run(TRAIN)
    assert own.value(WITH_KEY.format(lr=0.1) + ".result(stream=False)") == first
    own.restart()
    own.run(TRAIN)
    assert own.value(WITH_KEY.format(lr=0.1) + ".result(stream=False)") == first
    for other in (WITH_KEY.format(lr=0.2), "mlq.submit(abs, 0.1, key='epoch 1')"):
        cell = own.run(other)
        assert cell.error == "MlqError"
        number = first.split("'")[1]
        text = str(cell.of("error")[0].content["evalue"])
        assert f"for another submit, of job {number}" in text, text


def test_a_cell_is_found_again(own: Kernel, gate: Path) -> None:
    own.run("%load_ext mlq")
    code = f"""%%gpu --key {gate.parent.name}
import pathlib, time
print("up", flush=True)
while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.02)
answer = 42
answer + 1"""
    cell = own.start(code)
    cell.until("it runs", lambda: "up" in cell.stdout)
    own.restart()
    own.run("%load_ext mlq")
    again = own.start(code)
    again.until("its log", lambda: "up" in again.stdout)
    gate.touch()
    assert [m.text for m in again.done().of("execute_result")] == ["43"], again
    assert own.value("answer") == "42"
