"""What makes the quickstart end with 0: a good model, made by another process, and nothing less."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from typing import Any

import pytest

import mlq
from conftest import REPOSITORY

PROGRAM = REPOSITORY / "examples" / "quickstart" / "train.py"


def load() -> Any:
    spec = importlib.util.spec_from_file_location("quickstart", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Here:
    """A client whose job runs here, and whose model is then changed."""

    url = "http://127.0.0.1:5001"
    id = 1

    def __init__(self, **changes: Any) -> None:
        self.changes = changes
        self.model: dict[str, Any] = {}

    def submit(self, fn: Any, rows: Any, *, name: str) -> Here:
        self.model = {**fn(rows), **self.changes}
        return self

    def result(self) -> dict[str, Any]:
        return self.model


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"pid": -1}, 0),
        ({"host": "another"}, 0),
        ({}, 1),
        ({"pid": os.getpid(), "host": socket.gethostname()}, 1),
        ({"pid": -1, "weights": [0.0] * 4, "bias": 1.0}, 1),
        ({"pid": -1, "weights": [1.0, 0.0, 0.0, 0.0], "bias": 0.0}, 1),
    ],
)
def test_the_exit_code(
    changes: dict[str, Any], code: int, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(mlq, "Client", lambda _url: Here(**changes))
    monkeypatch.setattr(sys, "argv", [str(PROGRAM)])
    assert load().main() == code, capsys.readouterr().out


def test_the_data_has_a_hundred_rows() -> None:
    rows = load().read(PROGRAM.with_name("iris.csv"))
    assert len(rows) >= 100
    assert {row[-1] for row in rows} == {0.0, 1.0}
