"""The two displays, with a shell that keeps what is published."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from mlq._cell import CellDisplay
from mlq._plain import PlainDisplay
from mlq._status import Status, Waiting

if TYPE_CHECKING:
    import pytest


class Publisher:
    def __init__(self) -> None:
        self.published: list[tuple[float, dict[str, Any]]] = []

    def publish(self, **message: Any) -> None:
        self.published.append((time.monotonic(), message))


class Shell:
    """What a kernel's shell has, as far as a display uses it."""

    def __init__(self) -> None:
        self.display_pub = Publisher()
        self.execution_count = 1

    @property
    def texts(self) -> list[str]:
        return [m["data"]["text/plain"] for _, m in self.display_pub.published]


def running(percent: int) -> Status:
    return Status(53, "train", "running", where=f"lab-{percent}")


class TestCell:
    def test_four_paintings_a_second_whatever_happens_and_the_last_state(self) -> None:
        shell = Shell()
        display = CellDisplay(shell, 53, "http://lab")
        end = time.monotonic() + 1.1
        number = 0
        while time.monotonic() < end:
            number += 1
            display.status(running(number))
            display.output(f"line {number}\n" * 3000)
            display.tick()
        display.close()
        published = shell.display_pub.published
        ids = {m["transient"]["display_id"] for _, m in published}
        assert ids == {"mlq-53", "mlq-53-tail"}
        for one in ids:
            times = [at for at, m in published if m["transient"]["display_id"] == one]
            assert 4 <= len(times) <= 7
            assert all(b - a > 0.24 for a, b in zip(times, times[1:-1]))
        lines = [m for _, m in published if m["transient"]["display_id"] == "mlq-53"]
        assert [m["update"] for m in lines] == [False] + [True] * (len(lines) - 1)
        assert f"lab-{number}" in lines[-1]["data"]["text/plain"]

    def test_nothing_before_something_is_known(self) -> None:
        shell = Shell()
        display = CellDisplay(shell, 53, "http://lab")
        assert display.tick() == float("inf")
        display.close()
        assert not shell.texts

    def test_what_is_the_same_is_not_painted_again(self) -> None:
        shell = Shell()
        display = CellDisplay(shell, 53, "http://lab")
        for _ in range(3):
            display.status(Status(53, state="succeeded"))
            display.close()
        assert shell.texts == ["mlq job 53: succeeded"]

    def test_jobs_of_one_number_on_two_servers(self) -> None:
        ids = []
        for server in ("http://a", "http://b", "http://a"):
            shell = Shell()
            display = CellDisplay(shell, 7007, server)
            display.status(Status(7007))
            ids.append(shell.display_pub.published[0][1]["transient"]["display_id"])
        assert ids == ["mlq-7007", "mlq-7007-2", "mlq-7007"]


class TestPlain:
    def shown(self, *states: Status, capsys: pytest.CaptureFixture[str]) -> list[str]:
        display = PlainDisplay(53)
        for state in states:
            display.status(state)
        display.close()
        return capsys.readouterr().err.splitlines()

    def test_a_line_per_change(self, capsys: pytest.CaptureFixture[str]) -> None:
        known = Waiting(3, of=7, latest=120.0, earliest=60.0, basis="2 jobs ahead", reason="full")
        queued = Status(53, state="queued", limit="2h")
        lines = self.shown(
            queued,  # why is not known yet
            queued._replace(waiting=known),
            queued._replace(waiting=known._replace(position=2)),  # too soon for another line
            queued._replace(state="leased", where="lab-1"),
            queued._replace(state="running", where="lab-1", queued_for=61.0),
            queued._replace(state="running", where="lab-1 GPU 0", queued_for=61.0),
            queued._replace(state="running", where="lab-1", away=True),
            queued._replace(state="running", where="lab-1", notice="told to stop by root"),
            queued._replace(state="cancelled", end="by root"),
            capsys=capsys,
        )
        assert lines == [
            "mlq job 53: queued, place 3 of 7, starts in about 60 s – 2 min; full; limit 2h",
            "mlq job 53: running on lab-1, queued for 1 min",
            "mlq job 53: the server does not answer; asking again",
            "mlq job 53: told to stop by root",
            "mlq job 53: cancelled by root",
        ]

    def test_who_leaves_before_why_is_known_is_told_the_place(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        lines = self.shown(Status(53, state="queued", waiting=Waiting(3)), capsys=capsys)
        assert lines == ["mlq job 53: queued, place 3"]
