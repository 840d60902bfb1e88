"""A notebook that runs by itself keeps what a person would have seen."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

if TYPE_CHECKING:
    from lab import Lab
    from nbformat import NotebookNode

CELLS = [
    "import mlq, time",
    """
def train(steps):
    for n in mlq.progress(range(steps)):
        print("step", n, flush=True)
        time.sleep(0.3)
    return steps
job = mlq.submit(train, 5)
print("submitted", job.id)""",
    "job.result()",
    'print("between")\nmlq.map(len, ["a", "bb"], name="sweep").results()',
    "mlq.run(lambda: 1 / 0)",
]


@pytest.fixture(scope="module")
def executed(lab: Lab) -> NotebookNode:
    """The notebook after nbclient ran it."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    runner = NotebookClient(notebook, timeout=60, kernel_name="python3")
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        runner.execute(env={**os.environ, "MLQ_URL": lab.url})
    return notebook


def test_the_line_is_one_output_with_the_last_state(executed: NotebookNode) -> None:
    line, *streams, value = executed.cells[2].outputs
    assert line.output_type == "display_data"
    assert re.fullmatch(
        r"mlq job \d+ train: succeeded in \d\.\d s on gpu1 CPU slot 0", line.data["text/plain"]
    )
    assert "succeeded in" in line.data["text/html"]
    assert {stream.output_type for stream in streams} == {"stream"}
    assert "".join(stream.text for stream in streams) == "".join(f"step {n}\n" for n in range(5))
    assert value.data["text/plain"] == "5"


def test_nothing_of_a_job_in_another_cell(executed: NotebookNode) -> None:
    submitted = executed.cells[1].outputs
    assert [o.output_type for o in submitted] == ["stream"]
    stream, line, value = executed.cells[3].outputs
    assert stream.text == "between\n"
    assert re.fullmatch(r"mlq jobs \d+–\d+ sweep: 2 of 2 done", line.data["text/plain"])
    assert value.data["text/plain"] == "[1, 2]"


def test_a_failure_stands_above_its_traceback(executed: NotebookNode) -> None:
    line, error = executed.cells[4].outputs
    assert "failed after" in line.data["text/plain"]
    assert "ZeroDivisionError: division by zero" in line.data["text/plain"]
    assert error.ename == "ZeroDivisionError"
