"""What people read of a job, as tables: pure functions of its status."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mlq import _many, _status, _words
from mlq._follow import Step
from mlq._measure import Measure, bar, report_in_words
from mlq._status import Status, Waiting
from mlq._story import Story
from mlq._tail import HEAD_LINES, LINES, Head, Tail
from mlq._where import where_in_words

NOW = 1000.0
RUNS = "mlq job 53 train: running on lab-1 GPU 2 (H100) for 12 s"
BUSY = "2 devices fit: lab-1 #0, #1 are held by ana"


def measured(*reports: tuple[float, Any]) -> Measure:
    made = Measure()
    for at, value in reports:
        made = made.then(value, at)
    return made


def running(**more: Any) -> Status:
    made = Status(53, "train", "running", where="lab-1 GPU 2 (H100)", began=NOW - 12.7)
    return made._replace(**more)


def queued(**more: Any) -> Status:
    return Status(53, "train", "queued", Waiting(**more))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (Status(53), "mlq job 53: submitted"),
        (queued(), "mlq job 53 train: queued"),
        (queued(position=3, of=7), "mlq job 53 train: queued, place 3 of 7"),
        (queued(position=1000, over=True), "mlq job 53 train: queued, place > 1000"),
        (queued(position=3, of=2), "mlq job 53 train: queued, place 3"),
        (
            queued(position=3, of=7, earliest=120.0, latest=300.0, reason=BUSY),
            f"mlq job 53 train: queued, place 3 of 7, starts in about 2–5 min; {BUSY}",
        ),
        (
            queued(position=1, earliest=0, latest=0),
            "mlq job 53 train: queued, place 1, starts at once",
        ),
        (queued()._replace(state="scheduled"), "mlq job 53 train: scheduled"),
        (
            queued(reason="it follows job 7")._replace(state="scheduled"),
            "mlq job 53 train: scheduled; it follows job 7",
        ),
        (
            Status(53, "train", "leased", where="lab-1"),
            "mlq job 53 train: starting on lab-1",
        ),
        (running(), "mlq job 53 train: running on lab-1 GPU 2 (H100) for 12 s"),
        (
            running(limit="2h"),
            "mlq job 53 train: running on lab-1 GPU 2 (H100) for 12 s, limit 2h",
        ),
        (
            running(notice="told to stop by root: a deadline"),
            f"{RUNS}; told to stop by root: a deadline",
        ),
        (
            running(left="goes on; mlq.job(53).result() waits again"),
            f"{RUNS}; goes on; mlq.job(53).result() waits again",
        ),
        (
            running(away=True),
            f"{RUNS}; the server does not answer; asking again",
        ),
        (
            running(state="succeeded", took=12.34),
            "mlq job 53 train: succeeded in 12.3 s on lab-1 GPU 2 (H100)",
        ),
        (
            running(state="failed", where="lab-1", took=0.5, end="ValueError: no\nsuch thing"),
            "mlq job 53 train: failed after 0.5 s on lab-1 (ValueError: no such thing)",
        ),
        (Status(53, state="cancelled", end="by ana"), "mlq job 53: cancelled by ana"),
        (
            Status(53, "x" * 100, "failed", end="expired: not started within 1 h"),
            f"mlq job 53 {'x' * 59}…: failed (expired: not started within 1 h)",
        ),
    ],
)
def test_the_line(status: Status, said: str) -> None:
    assert _status.line(status, NOW) == said


def test_what_the_estimate_rests_on_stands_below() -> None:
    known = queued(position=1, latest=3.0, basis="2 jobs ahead")
    assert _status.as_text(known, NOW).splitlines()[1:] == ["  estimate from 2 jobs ahead"]
    unknown = queued(position=1, basis="unknown: a job ahead of it has no time limit")
    assert "no estimate: a job ahead of it" in _status.as_html(unknown, NOW)
    assert _status.as_text(unknown._replace(state="running"), NOW).count("\n") == 0


@pytest.mark.parametrize(
    ("reports", "said"),
    [
        ([(0, None)], ""),
        ([(0, "half\nway")], "half way"),
        ([(0, {"loss": 0.5})], '{"loss": 0.5}'),
        ([(0, 40)], "▕████      ▏ 40 %"),
        ([(0, 150)], "▕██████████▏ 100 % (150 %)"),
        ([(0, True)], "true"),
        ([(0, -1)], "-1"),
        ([(0, {"done": 0, "total": 10})], "▕          ▏ 0 % (0 of 10)"),
        ([(0, {"done": 3, "total": None})], "3"),
        ([(0, {"done": 3, "total": 0})], "3"),
        ([(990, {"done": 0, "total": 10}), (1000, {"done": 4, "total": 10})],
         "▕████      ▏ 40 % (4 of 10, 2.5 s each, about 15 s left)"),
        ([(990, {"done": 0, "total": 100}), (1000, {"done": 50, "total": 100})],
         "▕█████     ▏ 50 % (50 of 100, 5 a second, about 10 s left)"),
        ([(990, 10), (1000, 60)], "▕██████    ▏ 60 % (about 8 s left)"),
        ([(990, 10), (1000, 97)], "▕█████████▊▏ 97 % (less than 1 s left)"),
        # A second loop begins anew, and is not measured by the first one.
        ([(900, {"done": 9, "total": 10}), (1000, {"done": 1, "total": 10})],
         "▕█         ▏ 10 % (1 of 10)"),
        ([(990, {"done": 0, "total": 10}), (1000, {"done": 10, "total": 10})],
         "▕██████████▏ 100 % (10 of 10, 1 a second)"),
    ],
)  # fmt: skip
def test_progress(reports: list[tuple[float, Any]], said: str) -> None:
    assert _status.progress(running(measure=measured(*reports)), NOW) == said


@pytest.mark.parametrize(
    ("outcome", "attempt", "end", "said"),
    [
        ("failed", "died of SIGSEGV", "killed: died of SIGSEGV", "killed: died of SIGSEGV"),
        ("failed", "ValueError: no: two", "error: ValueError: no: two", "ValueError: no: two"),
        ("timed_out", "its limit passed", "timeout: its limit passed", "timeout: its limit passed"),
    ],
)
def test_why_it_failed_is_said_once(outcome: str, attempt: str, end: str, said: str) -> None:
    story = Story(Status(53, "train"), 0.0)
    story.tell(Step(f"attempt_{outcome}", "running", attempt, 1), NOW, NOW)
    words = outcome.replace("_", " ")
    assert _status.as_text(story.status, NOW).endswith(f"; attempt 1 {words}: {attempt}")
    story.tell(Step("failed", "failed", end, 1), NOW, NOW)
    assert _status.as_text(story.status, NOW) == f"mlq job 53 train: failed ({said})"


def test_what_an_attempt_before_the_last_ended_with_stays() -> None:
    story = Story(Status(53, "train"), 0.0)
    story.tell(Step("attempt_lost", "queued", "its agent fell silent", 1), NOW, NOW)
    story.tell(Step("failed", "failed", "error: ValueError: no", 2), NOW, NOW)
    said = _status.as_text(story.status, NOW)
    assert said.endswith("failed (ValueError: no); attempt 1 was lost: its agent fell silent")


def test_a_report_of_any_size_is_one_short_line() -> None:
    assert len(report_in_words("x\x1b[31m" * 1000)) <= 120
    assert report_in_words(float("inf")) == f"{1e18:.0f} %"
    assert [len(bar(x)) for x in (-1.0, 0.0, 0.333, 1.0, 7.0)] == [12] * 5


@pytest.mark.parametrize(
    ("seconds", "runs", "about"),
    [
        (0.2, "0 s", "less than 1 s"),
        (59.9, "59 s", "about 60 s"),
        (89, "1 min 25 s", "about 89 s"),
        (120, "2 min", "about 2 min"),
        (3599, "59 min", "about 60 min"),
        (7260, "2 h 1 min", "about 2 h"),
        (200000, "2 days", "about 2 days"),
        (400000, "4 days", "about 5 days"),
    ],
)
def test_durations(seconds: float, runs: str, about: str) -> None:
    assert (_words.duration(seconds), _words.about(seconds)) == (runs, about)


@pytest.mark.parametrize(
    ("earliest", "latest", "said"),
    [
        (0, 0.5, "less than 1 s"),
        (0.2, 30, "1–30 s"),
        (30, 120, "30 s – 2 min"),
        (130, 140, "2 min"),
        (3600, 4 * 3600, "60 min – 4 h"),
    ],
)
def test_ranges(earliest: float, latest: float, said: str) -> None:
    assert _words.between(earliest, latest) == said


def test_html_reads_in_dark_and_light_and_runs_nothing() -> None:
    status = running(name="<script>alert(1)</script>", measure=measured((0, "<img src=x>")))
    made = _status.as_html(status, NOW)
    assert not re.search(r"<(?!/?(div|span|b)\b)", made), (
        "only these tags, whatever a job is called"
    )
    assert not re.search(r"color|class=|href|url\(", made)
    assert "&lt;script&gt;" in made
    assert "&lt;img src=x&gt;" in made


GPUS = [
    {"uuid": "a", "host": "lab-1", "index": 1, "kind": "gpu", "model": "NVIDIA H100"},
    {"uuid": "b", "host": "lab-1", "index": 0, "kind": "gpu", "model": "NVIDIA H100"},
    {"uuid": "c", "host": "lab-1", "index": 0, "kind": "cpu", "model": "CPU slot"},
    {
        "uuid": "d",
        "host": "lab-2",
        "index": 3,
        "kind": "sim",
        "model": "A (simulated)",
        "simulated": True,
    },
]


@pytest.mark.parametrize(
    ("host", "uuids", "said"),
    [
        ("lab-1", ["a"], "lab-1 GPU 1 (H100)"),
        ("lab-1", ["a", "b"], "lab-1 GPUs 0, 1 (H100)"),
        ("lab-1", ["c"], "lab-1 CPU slot 0"),
        ("lab-2", ["d"], "lab-2 simulated GPU 3 (A)"),
        ("lab-1", ["d"], "lab-1"),
        ("lab-1", ["a", "gone"], "lab-1"),
        ("lab-1", [], "lab-1"),
    ],
)
def test_where(host: str, uuids: list[str], said: str) -> None:
    assert where_in_words(host, uuids, GPUS) == said


class TestMuchOutput:
    def test_the_head_ends_with_a_line(self) -> None:
        head = Head()
        first, rest = head.split("".join(f"{n}\n" for n in range(HEAD_LINES + 5)))
        assert first.endswith(f"\n{HEAD_LINES - 1}\n")
        assert rest.startswith(f"{HEAD_LINES}\n")
        assert head.split("more") == ("", "more")

    def test_one_line_without_an_end_is_no_way_around_it(self) -> None:
        head = Head()
        shown = sum(len(head.split("x" * 1000)[0]) for _ in range(2000))
        assert shown == 1 << 20

    def test_the_last_lines_and_how_many_are_hidden(self) -> None:
        tail = Tail()
        for n in range(1, 1001):
            tail.put(f"line {n}\n")
        first, *shown = tail.text("job.logs()").split("\n")
        assert first == f"… {1000 - LINES} lines hidden; job.logs() has them all"
        assert shown == [f"line {n}" for n in range(1001 - LINES, 1001)]

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            (" 10%|#\r 20%|##\r", " 20%|##"),
            ("abcdef\rxy", "xycdef"),
            ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m\x1b[0m"),
            ("\x1b[A\x1b[2Kup", "up"),
            ("\x1b]0;title\x07text", "text"),
            ("dos\r\n", "dos"),
        ],
    )  # fmt: skip
    def test_returns_and_colours(self, text: str, shown: str) -> None:
        tail = Tail()
        tail.put(text)
        assert tail.text("").split("\n")[1] == shown


@pytest.mark.parametrize(
    ("states", "left", "said"),
    [
        ([""], None, "0 of 1 done, 1 waiting"),
        (["succeeded", "failed", "ended"], None, "3 of 3 done, 1 failed"),
        (
            ["succeeded"] * 11 + ["failed"] + ["running"] * 2 + ["leased"] + ["queued"] * 85,
            240.0,
            "12 of 100 done, 3 running, 85 waiting, 1 failed; about 4 min left",
        ),
        (["cancelled", "scheduled"], None, "1 of 2 done, 1 waiting, 1 cancelled"),
    ],
)
def test_many_jobs(states: list[str], left: float | None, said: str) -> None:
    assert _many.in_words(_many.count(states), left) == said


@pytest.mark.parametrize(
    ("done", "seen", "seconds", "left"),
    [(2, 2, 60, None), (50, 3, 0.5, None), (50, 10, 60, 300.0), (100, 100, 60, None)],
)
def test_what_is_left_of_many(done: int, seen: int, seconds: float, left: float | None) -> None:
    assert _many.time_left(done, seen, seconds, 100) == left
