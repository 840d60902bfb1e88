"""The report of a run: checks that passed, failed or were skipped, and figures."""

from __future__ import annotations

import datetime
import statistics
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

HEAD = "| {} | {} | {} |"


class Skipped(Exception):
    """What cannot be tried here, and why."""


class Report:
    """Collects lines, and prints each as it comes, since a run may be cut off."""

    def __init__(self, dry: bool) -> None:
        self.dry = dry
        self.facts: list[tuple[str, str]] = []
        self.checks: list[tuple[str, str, str]] = []
        self.figures: list[tuple[str, str]] = []

    def fact(self, name: str, value: object) -> None:
        """Say what was found: machine, driver, versions."""
        self.facts.append((name, cell(value)))
        print(f"  {name}: {value}", flush=True)

    def figure(self, name: str, value: object) -> None:
        """Say what was measured."""
        self.figures.append((name, cell(value)))
        print(f"  {name}: {value}", flush=True)

    def check(self, what: str, look: Callable[[], object]) -> bool:
        """Run a check: what it returns is what was seen; an exception is a failure."""
        try:
            outcome, saw = "pass", look()
        except Skipped as reason:
            outcome, saw = "skipped", reason
        except Exception as err:  # noqa: BLE001  # what went wrong is a line of the report
            outcome, saw = "**FAIL**", f"{type(err).__name__}: {err}"
            if not isinstance(err, AssertionError):
                traceback.print_exc()
        self.checks.append((what, outcome, cell(saw)))
        print(f"{outcome:>8}  {what}: {saw}", flush=True)
        return outcome == "pass"

    def attempt(self, what: str, run: Callable[[], object]) -> None:
        """Run several checks; what keeps them from being made is a failure, and others go on."""
        try:
            run()
        except Exception as err:  # noqa: BLE001  # what went wrong is a line of the report
            traceback.print_exc()
            self.checks.append((what, "**FAIL**", cell(f"{type(err).__name__}: {err}")))
            print(f"**FAIL**  {what}: {err}", flush=True)

    @property
    def failed(self) -> int:
        """How many checks failed."""
        return sum(outcome == "**FAIL**" for _, outcome, _ in self.checks)

    def write(self, path: Path) -> None:
        """Write all as Markdown."""
        path.write_text("\n".join(self.lines()) + "\n")

    def lines(self) -> list[str]:
        """Give the report, line by line."""
        day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        title = "**Stand-in, not hardware**" if self.dry else "On hardware"
        passed = sum(outcome == "pass" for _, outcome, _ in self.checks)
        skipped = sum(outcome == "skipped" for _, outcome, _ in self.checks)
        head = f"### {day}\n\n{title}: {passed} passed, {self.failed} failed, {skipped} skipped."
        return [
            head,
            *("", "| | |", "|---|---|", *(f"| {n} | {v} |" for n, v in self.facts)),
            *("", "| check | outcome | seen |", "|---|---|---|"),
            *(HEAD.format(*check) for check in self.checks),
            *("", "| figure | |", "|---|---|", *(f"| {n} | {v} |" for n, v in self.figures)),
        ]


def cell(value: object) -> str:
    """Give text that fits a table's cell."""
    return " ".join(str(value).replace("|", "\\|").split())[:600]


def spread(values: Sequence[float], unit: str) -> str:
    """Give p50, p99 and max."""
    if not values:
        return "nothing was measured"
    many = sorted(values)
    p99 = many[round(0.99 * (len(many) - 1))]
    return f"p50 {statistics.median(many):.1f}, p99 {p99:.1f}, max {many[-1]:.1f} {unit} (n={len(many)})"


def mib(size: float) -> str:
    """Give a size in MiB."""
    return f"{size / (1 << 20):.0f} MiB"
