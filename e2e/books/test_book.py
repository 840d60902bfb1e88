"""How a notebook is executed."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import nbformat
from book import Book

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_kernel_is_that_of_this_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign, start = tmp_path / "kernels" / "python3", tmp_path / "profile_default" / "startup"
    foreign.mkdir(parents=True)
    start.mkdir(parents=True)
    spec = {"argv": ["/nowhere/python"], "display_name": "Python 3", "language": "python"}
    (foreign / "kernel.json").write_text(json.dumps(spec))
    (start / "mine.py").write_text("foreign = 1")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    code = "import sys; print(sys.executable, 'foreign' in globals())"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    path, folder = tmp_path / "one.ipynb", tmp_path / "here"
    nbformat.write(notebook, path)
    folder.mkdir()
    (cell,) = Book(path).run({}, folder)
    assert cell.outputs[0].text == f"{sys.executable} False\n"
