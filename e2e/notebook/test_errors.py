"""What a cell shows when something went wrong: the job's lines, the cell's line, nothing of ours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import mlq
import pytest

if TYPE_CHECKING:
    from kernel import Cell, Kernel

PACKAGE = str(Path(mlq.__file__ or "").parent)
MINE = """
class MyError(Exception):
    def __init__(self, *, code):
        super().__init__(f"code {code}")
        self.code = code

def bad():
    raise MyError(code=3)
"""


def shown(cell: Cell) -> str:
    """The traceback of a cell as text, without colours."""
    (error,) = cell.done().of("error")
    text = "\n".join(error.content["traceback"])
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_an_exception_of_a_class_of_the_notebook(kernel: Kernel) -> None:
    kernel.run(MINE).done()
    cell = kernel.run("mlq.submit(bad).result(stream=False)")
    text = shown(cell)
    remote, _, local = text.partition("direct cause")
    assert re.search(r"Cell In\[\d+\], line 7, in bad\n    raise MyError\(code=3\)", remote), text
    assert re.search(r"Cell In\[\d+\], line 1\n-+> 1 mlq\.submit\(bad\)", local), text
    assert text.endswith("MyError: code 3")
    assert PACKAGE not in text
    caught = kernel.run(
        "try:\n    mlq.submit(bad).result(stream=False)\n"
        "except MyError as error:\n    print('caught', error.code)"
    )
    assert caught.done().stdout == "caught 3\n"


@pytest.mark.parametrize(
    ("code", "last"),
    [
        (
            "mlq.submit(len, (n for n in range(3)))",
            "NotSerializable: cannot send args[0] (builtins",
        ),
        (
            "mlq.submit(len([1]))",
            "TypeError: submit takes a function and its arguments, not an int",
        ),
        ("mlq.run(len, 'x', host='no-such')", "Unsatisfiable: no host can ever run this"),
        ("mlq.job(987654).result()", "MlqError: "),
        ("mlq.Client('http://127.0.0.1:1').submit(len, 'x')", "Unavailable: no answer from http"),
    ],
)
def test_what_is_refused_is_one_line(kernel: Kernel, code: str, last: str) -> None:
    text = shown(kernel.run(code))
    assert text.splitlines()[-1].startswith(last), text
    assert re.search(r"Cell In\[\d+\], line 1\n", text), text
    assert PACKAGE not in text
    assert "urllib3" not in text
    assert len(text.splitlines()) < 10, text
