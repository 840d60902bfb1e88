"""Jobs and devices as tables, and ``python -m mlq``, against a real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Callable

import pytest
from IPython.core.formatters import PlainTextFormatter

import mlq
from mlq._jobs import JobList
from mlq._listing import jobs_table, short, size
from mlq._table import Table, harmless
from scripted import Scripted, as_json

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Server

NASTY = "\x1b[31mred\x07\u202e<script>"


def row(number: int, **more: object) -> dict[str, Any]:
    """A job as a list of jobs tells it."""
    return {"id": number, "state": "queued", "user": "ana", "attempts": [], **more}


def test_a_table_as_text_and_html() -> None:
    made = Table(("ID", "NAME", "NOTE"), [("1", "é日本", ""), ("20", NASTY, "")], "none", "foot")
    assert made.text().splitlines() == [
        "ID  NAME                NOTE",
        "1   é日本               -",
        "20  ·[31mred··<script>  -",
        "foot",
    ]
    assert "<td style='text-align:left'>·[31mred··&lt;script&gt;</td>" in made.html()
    assert "note" not in made.html(), "a column without anything"
    assert Table(("ID",), [], "none").html() == "<div>none</div>"


def test_a_long_table_is_cut_in_a_notebook_only() -> None:
    made = Table(("ID",), [(str(n),) for n in range(60)], "none")
    assert made.html().count("<tr>") == 52
    assert "… 10 more" in made.html()
    assert len(made.text().splitlines()) == 61


def test_what_steers_a_terminal_is_shown_as_a_dot() -> None:
    assert harmless("a\x00\x1b\x9b\u2028\u202e\u2066b\tc\nd") == "a······b·c·d"
    assert harmless("naïve 日本 …") == "naïve 日本 …"


def test_jobs_in_a_terminal(client: mlq.Client, scripted: Scripted) -> None:
    """IPython asks for this where it shows no HTML."""
    scripted.on("GET /jobs", as_json({"jobs": [row(9, name="train")]}))
    found = client.jobs()
    pretty = PlainTextFormatter()
    assert pretty(found) == str(found)
    assert pretty([found]) == "[<mlq.JobList of 1: 9 … 9>]"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0s"), (59.9, "59s"), (250, "4m10s"), (7500, "2h5m"), (273600, "3d4h")],
)
def test_ages(seconds: float, text: str) -> None:
    assert short(seconds) == text


def test_sizes() -> None:
    assert [size(n) for n in (0, 1023, 1536, 80 << 30)] == ["0 B", "1023 B", "1.5 KiB", "80 GiB"]


def test_jobs_follows_pages_up_to_the_limit(client: mlq.Client, scripted: Scripted) -> None:
    scripted.on("GET /jobs", as_json({"jobs": [row(9), row(8)], "next": "8"}))
    assert [job.id for job in client.jobs(limit=4)] == [9, 8, 9, 8]
    assert [r.query for r in scripted.requests] == [{"limit": "4"}, {"limit": "2", "before": "8"}]


def test_showing_asks_nothing(client: mlq.Client, scripted: Scripted) -> None:
    long = {"submitted": "2026-11-26T10:00:00.5Z", "detail": NASTY, "state": "failed"}
    scripted.on("GET /jobs", as_json({"jobs": [row(9, name="<b>", **long)]}))
    found = client.jobs(["failed", "running"])
    asked = len(scripted.requests)
    assert scripted.requests[0].query == {"state": "failed,running", "limit": "50"}
    assert "&lt;b&gt;" in found._repr_html_()
    assert "·[31mred··<script>" in str(found)
    assert repr(found) == "<mlq.JobList of 1: 9 … 9>"
    assert found[0].state == "failed", "it is known to have ended"
    assert len(scripted.requests) == asked


def test_a_list_of_new_jobs(client: mlq.Client) -> None:
    made: JobList[Any] = JobList([mlq.Job(client, n, name="sweep") for n in range(1, 1201)])
    assert "<td style='text-align:left'>submitted</td>" in made._repr_html_()
    assert jobs_table(made).foot == "… 200 more"


@pytest.mark.parametrize("state", ["runing", "", ["queued", "x"], "queued,"])
def test_a_state_that_there_is_not(client: mlq.Client, state: Any) -> None:
    if state == "":
        with pytest.raises(ValueError, match="no state ''"):
            client.jobs([""])
        return
    with pytest.raises(ValueError, match=r"there is no state .*: scheduled, queued"):
        client.jobs(state)


@pytest.mark.parametrize("limit", [0, -1, True, "5", 2.0])
def test_a_limit_that_is_none(client: mlq.Client, limit: Any) -> None:
    with pytest.raises(ValueError, match="limit must be a whole number from 1, not"):
        client.jobs(limit=limit)


def holder() -> Callable[[str], str]:
    """A function that waits for a file, and travels by value."""

    def held(path: str) -> str:
        import pathlib
        import time

        print("up", flush=True)
        while not pathlib.Path(path).exists():
            time.sleep(0.02)
        return "done"

    return held


def test_status_of_a_real_server(live: mlq.Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    jobs = live.map(holder(), [str(gate)] * 3)
    try:
        until_printed(jobs[1])
        lab = live.status()
        assert [d.state for d in lab.devices] == ["leased", "leased"]
        assert {d.job for d in lab.devices} == {jobs[0].id, jobs[1].id}
        assert [d.until for d in lab.devices] == [None, None]
        mine = [job for job in lab.jobs if job in jobs]  # an admin sees those of other tests too
        assert [(j.id, j._known["position"]) for j in mine] == [
            (jobs[2].id, 1),
            (jobs[1].id, None),
            (jobs[0].id, None),
        ]
        assert lab.waiting == 1
        assert "0 of 2 devices free, 1 job waits" in repr(lab)
        assert "queued, place 1" in lab._repr_html_()
        assert "CPU slot" in str(lab.jobs)
    finally:
        gate.touch()
    assert jobs.results(30) == ["done"] * 3


def test_status_of_an_admin(client: mlq.Client, scripted: Scripted) -> None:
    """Everybody's jobs, as admins see them in all lists."""
    scripted.on("GET /whoami", as_json({"user": "root", "role": "admin"}))
    scripted.on("GET /gpus", as_json({"gpus": []}))
    scripted.on("GET /queue", as_json({"queue": [{"job": 9, "place": 1}]}))
    scripted.on("GET /jobs", as_json({"jobs": [row(9, user="ana", state="queued")]}))
    lab = client.status()
    assert "user" not in scripted.requests[-1].query
    assert [(job.id, job._known["user"]) for job in lab.jobs] == [(9, "ana")]
    assert re.search(r"^9 +queued, place 1 .* ana ", repr(lab), re.M)
    scripted.on("GET /jobs", as_json({"jobs": []}))
    assert repr(client.status()).endswith("\n\nno jobs wait or run")


def test_status_of_a_user(client: mlq.Client, scripted: Scripted) -> None:
    scripted.on("GET /whoami", as_json({"user": "ana", "role": "user"}))
    scripted.on("GET /gpus", as_json({"gpus": []}))
    scripted.on("GET /queue", as_json({"queue": [{"place": 1}]}))
    scripted.on("GET /jobs", as_json({"jobs": []}))
    lab = client.status()
    assert scripted.requests[-1].query["user"] == "ana"
    assert repr(lab).endswith("\n\nno jobs of ana wait or run")
    assert "no jobs of ana wait or run" in lab._repr_html_()


def until_printed(job: mlq.Job[Any]) -> None:
    """Wait until a job runs, at most 30 s."""
    tick = threading.Event()
    for _ in range(600):
        if job.logs():
            return
        tick.wait(0.05)
    raise AssertionError(f"job {job.id} does not run: {job.details()}")


def shell(server: Server, *words: str) -> tuple[int, str, str]:
    """What ``python -m mlq`` answers."""
    done = subprocess.run(
        [sys.executable, "-m", "mlq", *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "MLQ_URL": server.url},
    )
    return done.returncode, done.stdout, done.stderr


def test_the_shell(live: mlq.Client, server: Server, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    jobs = live.map(holder(), [str(gate)] * 3, name="<held>")
    first, last = jobs[0].id, jobs[2].id
    until_printed(jobs[1])
    code, out, _ = shell(server, "jobs", "--name", "<held>", "--state", "queued,running")
    assert code == 0
    assert [line.split()[:3] for line in out.splitlines()[1:]] == [
        [str(last), "queued", "<held>"],
        [str(last - 1), "running", "<held>"],
        [str(first), "running", "<held>"],
    ]
    code, out, _ = shell(server, "why", str(last))
    assert code == 0
    assert out.startswith("place 1\n- 2 devices fit")
    assert shell(server, "status")[1].count("leased") == 2
    code, out, err = shell(server, "cancel", f"{first}-{last}", "999999")
    assert code == 1, err
    assert f"job {first}: told to stop\n" in out
    assert "job 999999: no such job: 999999" in out
    assert shell(server, "logs", "--follow", str(first)) == (0, "up\n", "")
    assert shell(server, "cancel", str(first)) == (0, f"job {first}: cancelled\n", "")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "mlq: want a command: status, jobs, logs, cancel, why"),
        (["cancle", "3"], "mlq: unknown command 'cancle'; did you mean 'cancel'?"),
        (["logs", "x"], "mlq: job id 'x': want a number from 1"),
        (["cancel", "7-3"], "mlq: job ids '7-3': want FIRST-LAST"),
        (["jobs", "--state", "\x1b[31m"], "mlq: there is no state '\\x1b[31m'"),
        (["jobs", "-n", "0"], "mlq: limit must be a whole number from 1, not 0"),
        (["jobs", "-n", "many"], "mlq: argument -n/--limit: invalid int value: 'many'"),
    ],
)
def test_a_wrong_command_line(server: Server, words: list[str], text: str) -> None:
    code, out, err = shell(server, *words)
    assert (code, out) == (2, "")
    assert err.startswith(text)
    assert err.endswith("hint: see python -m mlq --help\n")


def test_no_server() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mlq", "--server", "http://127.0.0.1:1", "jobs"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("mlq: no answer from http://127.0.0.1:1 (Connection refused)")
    assert "Traceback" not in done.stderr


def test_nobody_reads_any_more(live: mlq.Client, server: Server) -> None:
    def flood() -> None:
        print("x" * 4_000_000)

    job = live.submit(flood)
    job.result(stream=False)
    done = subprocess.run(
        f"{sys.executable} -m mlq logs {job.id} | head -c 1",
        shell=True,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "MLQ_URL": server.url},
    )
    assert (done.stdout, done.stderr) == ("x", "")
