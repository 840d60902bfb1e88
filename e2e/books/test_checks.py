"""What the checks of notebooks say where something is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Callable

import ipynb
import nbformat
import pytest
from lab import REPOSITORY
from shown import Shows, missing, shows

if TYPE_CHECKING:
    from nbformat import NotebookNode

QUICKSTART = (REPOSITORY / "notebooks" / "quickstart.ipynb").read_text("utf-8")
PRINTED = {"output_type": "stream", "name": "stdout", "text": "hello"}


def first(notebook: dict[str, Any]) -> dict[str, Any]:
    cell: dict[str, Any] = next(c for c in notebook["cells"] if c["cell_type"] == "code")
    return cell


def test_a_stripped_notebook_is_in_order() -> None:
    assert ipynb.faults(QUICKSTART) == []


@pytest.mark.parametrize(
    ("spoil", "says", "mends"),
    [
        (lambda b: first(b)["outputs"].append(PRINTED), "it has outputs", True),
        (lambda b: first(b).update(execution_count=3), "it has an execution count", True),
        (lambda b: first(b)["metadata"].update(scrolled=True), "metadata of a front end", True),
        (lambda b: b["metadata"]["language_info"].update(version="3.11.2"), "metadata of a", True),
        (lambda b: b.update(nbformat_minor=4), "written in another way", True),
        (lambda b: first(b).update(id="3f2a-b1"), "its id '3f2a-b1' is no name", False),
        (lambda b: first(b).pop("id"), "its id None is no name", False),
        (lambda b: first(b).update(id=b["cells"][-1]["id"]), "two cells are named 'next'", False),
        (lambda b: b.update(cells=b["cells"][:1]), "it has no code", False),
    ],
)
def test_what_a_front_end_leaves_is_told(
    spoil: Callable[[dict[str, Any]], Any], says: str, mends: bool
) -> None:
    notebook = json.loads(QUICKSTART)
    spoil(notebook)
    (fault,) = ipynb.faults(ipynb.text(notebook))
    assert says in fault
    stripped = ipynb.text(ipynb.stripped(notebook))
    assert (stripped == QUICKSTART) is mends


def test_a_folder_without_notebooks_is_none_that_is_in_order(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ipynb.main("check", str(tmp_path)) == 1
    assert "there is none" in capsys.readouterr().err


def cell(*outputs: NotebookNode) -> NotebookNode:
    return nbformat.v4.new_code_cell("x", outputs=list(outputs))


SHOWN = cell(
    nbformat.v4.new_output("stream", text="one\ntwo\n"),
    nbformat.v4.new_output("display_data", {"image/png": "", "text/plain": "<Figure>"}),
    nbformat.v4.new_output(
        "execute_result", {"text/html": "two:<table><tr><td>3</td><td>a&amp;b</td></tr></table>"}
    ),
)
FAILED = cell(nbformat.v4.new_output("error", ename="KeyError", traceback=["\x1b[31mKeyError"]))

DEEP = cell(
    nbformat.v4.new_output("error", ename="KeyError", traceback=["mlq/_job.py:9", "KeyError"])
)


@pytest.mark.parametrize(
    ("shown", "painted", "want", "says"),
    [
        (SHOWN, 2, shows("^one$", "^two:$", "^3  a&b$", pictures=1, tables=1, paints=2), []),
        (SHOWN, 2, shows("^two$", "^one$", pictures=1, tables=1), ["no '^one$'"]),
        (SHOWN, 2, shows(pictures=2, tables=1), ["1 pictures, not 2"]),
        (SHOWN, 2, shows(pictures=1), ["1 tables, not 0"]),
        (SHOWN, 2, shows(pictures=1, tables=1, paints=3), ["painted 2 times, not 3"]),
        (SHOWN, 2, shows(), ["it shows something, and nothing is expected"]),
        (FAILED, 0, shows("^KeyError", error="KeyError"), []),
        (FAILED, 0, shows(error="ValueError"), ["it raised ['KeyError'], not ValueError"]),
        (DEEP, 0, shows("^KeyError", error="KeyError"), ["frames of the package"]),
        (cell(), 0, shows("x"), ["no 'x'"]),
        (cell(), 0, shows(error="KeyError"), ["it raised [], not KeyError"]),
        (cell(), 0, shows(), []),
    ],
)
def test_what_is_missing(shown: NotebookNode, painted: int, want: Shows, says: list[str]) -> None:
    assert missing(shown, painted, want) == says
