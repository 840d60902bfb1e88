"""The types that users see: ``mypy --strict`` over a program of theirs, and the package."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import mlq
from mlq._request import FIELDS

PROGRAM = Path(__file__).parent / "typed" / "user.py"
_SAID = re.compile(r"user\.py:(\d+): (error|note): ((?<=error: ).*|Revealed type is .*)")
_MODULES = re.compile(r"\bmlq\._\w+\.")  # where a class lives is our own affair


@pytest.fixture(scope="module")
def said(request: pytest.FixtureRequest) -> dict[int, str]:
    """What mypy says of the lines of the program."""
    cache = request.config.cache.mkdir("mypy")  # kept, as it is slow to make
    options = ["--strict", "--config-file=", f"--cache-dir={cache}", "--no-error-summary"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, PROGRAM.name],
        cwd=PROGRAM.parent, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    found = [match.groups() for match in map(_SAID.search, done.stdout.splitlines()) if match]
    assert found, done.stdout + done.stderr
    return {int(line): _plain(kind, text) for line, kind, text in found}


def _plain(kind: str, text: str) -> str:
    if kind == "error":
        return f"error: {text.rpartition('[')[2].rstrip(']')}"
    shown = _MODULES.sub("mlq.", text.partition('"')[2].rpartition('"')[0])
    return "is " + re.sub(r"\b(builtins|datetime)\.", "", shown)


def test_a_program_of_a_user(said: dict[int, str]) -> None:
    wanted = {
        number: match[1]
        for number, line in enumerate(PROGRAM.read_text().splitlines(), 1)
        if (match := re.search(r"  # ((?:error:|is) .*)", line))
    }
    assert len(wanted) > 40
    assert said == wanted


def test_the_keywords_of_type_checkers_are_the_request_fields() -> None:
    import inspect

    source = (Path(mlq.__file__ or "").parent / "_request.py").read_text()
    typed = source.partition("class Request(TypedDict")[2].partition("\n\n\ndef ")[0]
    assert re.findall(r"^        (\w+): ", typed, re.M) == list(FIELDS)
    assert list(inspect.signature(mlq.options).parameters) == list(FIELDS)
