"""The Python of the pages does what they say, in order, on a real server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from conftest import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Server

PAGES = {"README.md": 1, "client/python/README.md": 1, "docs/python.md": 6, "docs/data.md": 7}


@pytest.mark.parametrize("page", PAGES)
def test_examples(
    page: str,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("MLQ_URL", server.url)
    (tmp_path / "labels.txt").write_text("cat\ndog\n")  # what docs/data.md works on
    (tmp_path / "model.py").write_text("def predict(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(str(tmp_path))  # as the notebook's folder is
    text = (REPOSITORY / page).read_text().replace("/mnt/imagenet", str(tmp_path))
    examples = [
        (text.count("\n", 0, match.start(1)), match[1])
        for match in re.finditer(r"^```python\n(.*?)^```", text, re.M | re.S)
    ]
    assert len(examples) >= PAGES[page]
    # As in a notebook: functions of __main__ are sent by value.
    space = {"__name__": "__main__"}
    for line, example in examples:
        code = compile("\n" * line + example, str(REPOSITORY / page), "exec")
        exec(code, space)
    assert "learning with " in capsys.readouterr().out


def test_the_notebook_example_has_five_lines() -> None:
    found = re.search(
        r"five lines:\n\n```python\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.M | re.S
    )
    assert found
    assert found[1].count("\n") == 5
