"""The examples of ``docs/python.md`` do what they say, in order, on a real server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conftest import REPOSITORY

if TYPE_CHECKING:
    import pytest

    from conftest import Server

PAGE = REPOSITORY / "docs" / "python.md"


def test_examples(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLQ_URL", server.url)
    text = PAGE.read_text()
    examples = [
        (text.count("\n", 0, match.start(1)), match[1])
        for match in re.finditer(r"^```python\n(.*?)^```", text, re.M | re.S)
    ]
    assert len(examples) > 5
    # As in a notebook: functions of __main__ are sent by value.
    space = {"__name__": "__main__"}
    for line, example in examples:
        code = compile("\n" * line + example, str(PAGE), "exec")
        exec(code, space)
    assert "learning with 0.5" in capsys.readouterr().out
