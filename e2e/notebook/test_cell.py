"""What a cell shows while it waits for a job, as a kernel publishes it."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    import mlq
    from kernel import Kernel, Message


def submit(kernel: Kernel, call: str) -> int:
    """Submit in a cell of its own; the job is ``job`` there."""
    return int(kernel.value(f"job = mlq.submit({call}); job.id"))


def seldom(messages: list[Message]) -> bool:
    """Whether a display was painted at most four times in any second, but for its last state."""
    times = [m.at for m in messages[:-1]]
    return all(later - first > 0.9 for first, later in zip(times, times[4:]))


def test_the_place_goes_down_then_output_and_the_end(kernel: Kernel, tmp_path: Path) -> None:
    gates = [tmp_path / f"gate{n}" for n in range(4)]
    calls = ", ".join(f"mlq.submit(wait_for, {str(gate)!r}, name='train')" for gate in gates)
    job = int(kernel.value(f"jobs = [{calls}]; job = jobs[3]; job.id"))
    cell = kernel.start("job.result()")
    for n, gate in enumerate(gates[:3]):
        place = f"queued, place {3 - n} of {3 - n}"
        cell.until(place, lambda place=place: place in cell.line(job))  # type: ignore[misc]
        assert "1 device fits: " in cell.line(job)
        assert "is held by" in cell.line(job)
        gate.touch()
    cell.until("the device", lambda: "CPU slot 0 for" in cell.line(job))
    cell.until("its output", lambda: "waiting for gate3" in cell.stdout)
    gates[3].touch()
    cell.done()

    painted = cell.painted(f"mlq-{job}")
    assert [m.kind for m in painted[:2]] == ["display_data", "update_display_data"]
    assert not [m for m in painted[1:] if m.kind != "update_display_data"]
    places = [found[0] for m in painted if (found := re.findall(r"place \d of \d", m.text))]
    assert [place for place, _ in groupby(places)] == [f"place {n} of {n}" for n in (3, 2, 1)]
    assert seldom(painted), [m.at for m in painted]
    last = rf"mlq job {job} train: succeeded in \d+\.\d s on gpu1 CPU slot 0"
    assert re.fullmatch(last, cell.line(job))
    assert "<script" not in painted[-1].content["data"]["text/html"]
    assert cell.stdout == "waiting for gate3\n"
    assert cell.of("execute_result")[0].text == "'seen'"
    # Above the output, and nothing of it anywhere else.
    assert [m.kind for m in cell.messages[:1]] == ["display_data"]
    assert not kernel.strays


def test_an_estimate_with_what_it_rests_on(kernel: Kernel, gate: Path) -> None:
    kernel.run("mlq.run(time.sleep, 0.3, name='short')")
    job = int(
        kernel.value(
            f"first = mlq.submit(wait_for, {str(gate)!r}, timeout='10m');"
            "job = mlq.submit(time.sleep, 0, name='short'); job.id"
        )
    )
    cell = kernel.start("job.result()")
    cell.until("an estimate", lambda: "starts in about" in cell.line(job))
    text = cell.line(job)
    gate.touch()
    cell.done()
    # Of ten minutes half is expected, and the range is from half to twice that.
    assert re.search(r"starts in about (148|149|150) s – 10 min|starts in about 2–10 min", text), (
        text
    )
    assert "estimate from 0 jobs ahead and 1 running" in text


@pytest.mark.parametrize("how", ["progress", "update_progress"])
def test_progress_is_a_bar_and_no_output(kernel: Kernel, gate: Path, how: str) -> None:
    loop = "for n in mlq.progress(range(4)):\n        if n == 2: wait()"
    call = "mlq.context().update_progress(50); wait()"
    code = f"""
def work(path):
    import mlq, pathlib, time
    def wait():
        while not pathlib.Path(path).exists(): time.sleep(0.02)
    {loop if how == "progress" else call}
job = mlq.submit(work, {str(gate)!r})
print(job.id)
"""
    job = int(kernel.run(code).stdout)
    cell = kernel.start("job.result()")
    words = r"50 % \(2 of 4" if how == "progress" else "50 %$"
    cell.until(
        "half", lambda: bool(re.search(f"▕█████     ▏ {words}", cell.line(job), re.MULTILINE))
    )
    gate.touch()
    cell.done()
    assert cell.stdout == ""
    assert "%" not in cell.line(job)


def test_much_output_is_a_head_and_a_rolling_end(kernel: Kernel) -> None:
    code = """
def chatter():
    for n in range(1, 10001): print("line", n)
job = mlq.submit(chatter)
print(job.id)
"""
    job = int(kernel.run(code).stdout)
    cell = kernel.run("job.result()")
    assert cell.stdout == "".join(f"line {n}\n" for n in range(1, 2001))
    tail = cell.painted(f"mlq-{job}-tail")
    first, *lines = tail[-1].text.split("\n")
    assert first == f"… 7,980 lines hidden; mlq.job({job}).logs() has them all"
    assert lines == [f"line {n}" for n in range(9981, 10001)]
    assert seldom(tail)
    assert len(eval(kernel.value("job.logs()")).splitlines()) == 10000


def test_bars_colours_and_bytes_pass(kernel: Kernel) -> None:
    code = r"""
def draw():
    import os, sys
    for n in (10, 20): print(f"\r{n}%|{'#' * (n // 10)}", end="", file=sys.stderr, flush=True)
    print("\n\x1b[31mred\x1b[0m", flush=True)
    os.write(1, b"caf\xe9 \xff \xc3\xbc\n")
mlq.run(draw)
"""
    cell = kernel.run(code)
    assert cell.stdout == "\r10%|#\r20%|##\n\x1b[31mred\x1b[0m\ncaf\ufffd \ufffd ü\n"


def test_how_it_ended(kernel: Kernel, client: mlq.Client, gate: Path) -> None:
    code = """
def broken():
    raise ValueError("no such\\nthing")
job = mlq.submit(broken)
print(job.id)
"""
    job = int(kernel.run(code).stdout)
    cell = kernel.run("job.result()")
    assert cell.error == "ValueError"
    assert re.search(r"failed after \d\.\d s on gpu1 \(ValueError: no such thing\)", cell.line(job))

    job = submit(kernel, f"wait_for, {str(gate)!r}")
    cell = kernel.start("job.result()")
    cell.until("its output", lambda: "waiting for gate" in cell.stdout)
    assert client.job(job).cancel()
    cell.done()
    assert cell.error == "JobCancelled"
    assert re.search(r"cancelled after \d+\.\d s on gpu1.* by \w+$", cell.line(job)), cell


def test_an_interrupt_leaves_the_job(kernel: Kernel, client: mlq.Client, gate: Path) -> None:
    job = submit(kernel, f"wait_for, {str(gate)!r}")
    waits = int(kernel.value(f"other = mlq.submit(wait_for, {str(gate)!r}); other.id"))
    for which, number, sign in (("other", waits, "queued, place 1"), ("job", job, "running on")):
        cell = kernel.start(f"{which}.result()")
        cell.until(sign, lambda: sign in cell.line(number))  # noqa: B023
        kernel.interrupt()
        cell.done()
        assert cell.error == "KeyboardInterrupt"
        left = f"goes on; mlq.job({number}).result() waits again, .cancel() stops it"
        assert left in cell.line(number)
        frames = "\n".join(cell.of("error")[0].content["traceback"])
        assert not re.search("urllib3|_show|_feed|queue.py", frames), frames
    assert client.job(job).state == "running"
    assert client.job(waits).state == "queued"
    gate.touch()
    again = kernel.run("job.result()")
    assert "succeeded in" in again.line(job)
    assert again.stdout == "waiting for gate\n", "the log comes from its start"
    assert "goes on" not in again.line(job)
    kernel.run("other.result()")


def test_a_timeout_leaves_the_job(kernel: Kernel, gate: Path) -> None:
    job = submit(kernel, f"wait_for, {str(gate)!r}")
    cell = kernel.run("job.result(timeout=1)")
    assert cell.error == "TimeoutError"
    assert f"goes on; mlq.job({job}).result() waits again" in cell.line(job)
    gate.touch()
    assert "succeeded in" in kernel.run("job.result()").line(job)


def test_two_jobs_in_one_cell_and_one_again_later(kernel: Kernel) -> None:
    code = "a, b = mlq.submit(len, 'a'), mlq.submit(len, 'bb'); a.result(), b.result()"
    cell = kernel.run(code)
    a, b = int(kernel.value("a.id")), int(kernel.value("b.id"))
    assert "succeeded" in cell.line(a)
    assert "succeeded" in cell.line(b)
    assert not kernel.run("pass").messages
    again = kernel.run("a.result(); a.result()")
    (shown,) = again.of("display_data", "update_display_data")
    assert shown.text == cell.line(a)
    assert not shown.display


@pytest.mark.parametrize(
    "code",
    [
        "await mlq.submit(print, 'x')",
        "mlq.submit(print, 'x').result(stream=False)",
        (
            "import threading\n"
            "thread = threading.Thread(target=mlq.submit(print, 'x').result)\n"
            "thread.start(); thread.join()"
        ),
        "%%capture\nmlq.run(print, 'x')",
        (
            "import concurrent.futures, threading\nended = threading.Event()\n"
            "mlq.submit(print, 'x').add_done_callback(lambda job: (job.result(), ended.set()))\n"
            "assert ended.wait(20)"
        ),
    ],
)
def test_silent(kernel: Kernel, code: str) -> None:
    cell = kernel.run(code)
    assert not cell.messages, cell


def test_captured_output_is_all_there_with_one_line(kernel: Kernel) -> None:
    kernel.run("%%capture out\njob = mlq.submit(print, 'x' * 3); job.result()")
    assert kernel.value("out.stdout") == r"'xxx\n'"
    assert kernel.value("len(out.outputs)") == "1"


def test_many_jobs_are_one_line_without_their_output(kernel: Kernel) -> None:
    code = """
def noisy(n):
    print("noise", n)
    if n == 3: raise ValueError(n)
jobs = mlq.map(noisy, range(6), name="sweep")
try: jobs.results()
except ValueError: pass
for job in jobs.as_completed(): pass
print(jobs[0].id, jobs[-1].id)
"""
    cell = kernel.run(code)
    first, last = cell.stdout.split()
    painted = cell.painted(f"mlq-{first}-{last}")
    assert painted[-1].text == f"mlq jobs {first}–{last} sweep: 6 of 6 done, 1 failed"
    assert cell.stdout == f"{first} {last}\n"
    assert len({m.display for m in cell.of("display_data")}) == 1
    table = kernel.run("jobs").of("execute_result")[0].content["data"]["text/html"]
    assert table.count("<tr>") == 7
    assert "failed" in table
