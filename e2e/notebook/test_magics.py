"""``%%gpu`` and ``%mlq`` in a real kernel, with jobs of a real server."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import pytest
from kernel import Cell, Kernel

if TYPE_CHECKING:
    from pathlib import Path

    import mlq
    from lab import Lab


@pytest.fixture(scope="module", autouse=True)
def _loaded(kernel: Kernel) -> None:
    assert not kernel.run("%load_ext mlq\nimport numpy as np").error


def frames(cell: Cell) -> str:
    """The traceback that the cell shows."""
    return "\n".join(cell.of("error")[0].content["traceback"])


def last_job(client: mlq.Client) -> list[int]:
    """The id of the job that was submitted last, if there is one."""
    return [job.id for job in client.jobs(limit=1)]


def shown(cell: Cell) -> dict[str, str]:
    """The value that the cell shows, in all its forms."""
    assert not cell.error, cell
    data: dict[str, str] = cell.of("execute_result")[0].content["data"]
    return data


def test_names_go_and_come_back(kernel: Kernel) -> None:
    kernel.run("""
lr, data = 0.5, np.arange(5000.0)
rate = 3
def scaled(x): return x * rate
class Model:
    def __init__(self, w): self.w = w""")
    cell = kernel.run("""%%gpu --name first
import os
where = os.environ["MLQ_JOB_ID"]
print("on the job", flush=True)
model = Model(scaled(data).sum() * lr)
rate = 100
twice = scaled(1)
model.w""")
    assert shown(cell)["text/plain"] == "np.float64(18746250.0)"
    assert cell.stdout == "on the job\n"
    assert "first: succeeded in" in cell.of("update_display_data", "display_data")[-1].text
    assert kernel.value(
        "model.w, type(model) is Model, twice, rate, int(where) > 0, 'os' in dir()"
    ) == ("(np.float64(18746250.0), True, 100, 100, True, False)")


def test_what_two_names_share_they_share_afterwards(kernel: Kernel) -> None:
    cell = kernel.run("%%gpu\nparams = [1.0]\nmodel = {'p': params}\nother = np.zeros(9000)")
    assert not cell.error, cell
    assert kernel.value("model['p'] is params, other.flags.writeable, other.shape") == (
        "(True, True, (9000,))"
    )


def test_what_cannot_be_pickled_is_named_and_costs_nothing_else(kernel: Kernel) -> None:
    cell = kernel.run(
        "%%gpu\ngen = (i for i in [1])\nimport threading\nlock = threading.Lock()\nkept = 5"
    )
    assert not cell.error, cell
    told = [m.text for m in cell.of("stream") if m.content["name"] == "stderr"]
    assert len(told) == 1
    assert re.match(r"mlq: not brought back: gen \(generator: .*\), lock \(lock: .*\)\n$", told[0])
    assert kernel.value("kept, 'gen' in dir()") == "(5, False)"


def test_what_this_notebook_has_not_costs_nothing_else(kernel: Kernel) -> None:
    cell = kernel.run("""%%gpu
import sys, types
there = types.ModuleType("only_there"); sys.modules["only_there"] = there
exec("class Thing: pass", there.__dict__)
thing = there.Thing()
del there
kept = 6""")
    assert "thing (No module named 'only_there')" in cell.messages[-1].text, cell
    assert kernel.value("kept") == "6"


def test_chosen_names(kernel: Kernel) -> None:
    kernel.run("seen = []\nbig = 'not pickled', (i for i in [])")
    cell = kernel.run("%%gpu -o seen\nseen.append(1)\nnew = 2")
    assert not cell.error, cell
    assert kernel.value("seen, 'new' in dir()") == "([1], False)"
    cell = kernel.run(
        "%%gpu -i seen -o -\ntry: big\nexcept NameError: print('no big')\nlost = seen"
    )
    assert cell.stdout == "no big\n", cell
    assert kernel.value("'lost' in dir()") == "False"


def test_a_name_that_cannot_be_sent(kernel: Kernel, client: mlq.Client) -> None:
    kernel.run("import sqlite3; conn = sqlite3.connect(':memory:')")
    before = last_job(client)
    cell = kernel.run("%%gpu\nconn.execute('select 1')")
    assert cell.error == "NotSerializable"
    assert frames(cell).count("\n") == 0
    assert "conn" in frames(cell)
    assert last_job(client) == before


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("%%gpu\nx = undefined_name + 1", "name 'undefined_name' is not defined"),
        ("%%gpu\n\nx = (1", "line 3"),
        ("%%gpu\nreturn 5", "'return' outside function"),
    ],
)
def test_what_fails_for_certain_fails_here(
    kernel: Kernel, client: mlq.Client, code: str, text: str
) -> None:
    before = last_job(client)
    cell = kernel.run(code)
    assert cell.error in ("NameError", "CellSyntaxError")
    assert text in frames(cell)
    assert "_cellcode" not in frames(cell)
    assert last_job(client) == before


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("%%gpu\nx = 1\n!nvidia-smi", "line 3, '!nvidia-smi', is for IPython"),
        ("%%gpu\n%time x = 1", "line 2, '%time x = 1', is for IPython"),
        ("%%gpu\nget_ipython()", "line 2: get_ipython is not there in a job"),
        ("%%gpu --gpuz 2\nx = 1", "unrecognized arguments: --gpuz 2"),
        ("%%gpu --gpus two\nx = 1", "invalid int value: 'two'"),
        (
            "%%gpu -o los\nloss = 1",
            "-o: the cell neither assigns nor reads 'los'; did you mean 'loss'?",
        ),
        ("%%gpu -i nowhere\nx = 1", "-i: there is no 'nowhere' in the notebook"),
        ("%%gpu --name 'a\nx = 1", "No closing quotation"),
        ("%mlq cancle 3", "unknown command 'cancle'; did you mean 'cancel'?"),
        ("%mlq logs x", "job id 'x': want a number from 1"),
        ("%mlq", "want a command: status, jobs, logs, cancel, why"),
    ],
)
def test_refusals_are_one_line(kernel: Kernel, code: str, text: str) -> None:
    cell = kernel.run(code)
    said = "".join(m.text for m in cell.messages if m.kind == "stream")
    assert said.startswith("UsageError: %"), cell
    assert text in said
    assert said.count("\n") == 1


def test_an_error_shows_the_lines_of_the_cell(kernel: Kernel) -> None:
    cell = kernel.run("%%gpu\ndef f(x):\n    return 1 / x\n\nprint('so far')\nf(0)")
    assert cell.error == "ZeroDivisionError"
    assert cell.stdout == "so far\n"
    text = frames(cell)
    assert f'File "Cell In[{cell.number}]", line 6, in <module>\n    f(0)\n' in text, text
    assert f" cell in[{cell.number}]: failed" in cell.of("update_display_data")[-1].text
    assert re.search(r"line 3, in f\n    return 1 / x\n", text), text
    assert text.splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert text.count("File ") == 2
    assert "mlq/" not in text


def test_a_name_that_cannot_go_along(kernel: Kernel) -> None:
    kernel.run("import threading\nlocks = {'a': [threading.Lock()]}")
    cell = kernel.run("%%gpu\nprint(locks)")
    said = frames(cell)
    assert "NotSerializable: cannot send locks['a'][0] (_thread.lock): " in said
    assert "kwargs" not in said


def test_a_refused_request(kernel: Kernel) -> None:
    cell = kernel.run("%%gpu --gpus 2\n1")
    assert cell.error == "Unsatisfiable"
    assert frames(cell).count("\n") == 0, frames(cell)


def test_top_level_await(kernel: Kernel) -> None:
    cell = kernel.run(
        "%%gpu\nimport asyncio\nlock = asyncio.Event()\nlock.set()\nawait lock.wait()\nawait asyncio.sleep(0, 7)"
    )
    assert shown(cell)["text/plain"] == "7"
    cell = kernel.run("%%gpu\nasync def f(x):\n    return 1 / x\n\nawait f(0)")
    assert cell.error == "ZeroDivisionError"
    assert re.findall(r"line \d+, in .*", frames(cell)) == ["line 5, in <module>", "line 3, in f"]


def test_values_look_as_in_a_notebook(kernel: Kernel) -> None:
    cell = kernel.run("""%%gpu
class Rich:
    def _repr_html_(self): return "<b>rich</b>"
    def _repr_mimebundle_(self, include=None, exclude=None): return {"text/x-mine": "mine"}
    def _repr_png_(self): raise ValueError("no picture")
display(Rich(), {"a": 1})
Rich()""")
    forms = shown(cell)
    assert forms["text/html"] == "<b>rich</b>"
    assert forms["text/x-mine"] == "mine"
    assert "Rich._repr_png_ failed: ValueError('no picture')" in cell.stdout
    extra = [m for m in cell.of("display_data") if not m.display]
    assert [m.content["data"].get("text/html") for m in extra] == ["<b>rich</b>", None]
    assert not kernel.run("%%gpu\n5;").of("execute_result")
    assert not kernel.run("%%gpu\nx = 5").of("execute_result")


@pytest.mark.parametrize("names", ["display", "HTML, display"])
def test_display_is_the_notebooks_wherever_it_is_from(kernel: Kernel, names: str) -> None:
    cell = kernel.run(
        f"%%gpu\ndef show(x):\n    from IPython.display import {names}\n    display(x)\nshow(7)"
    )
    assert [m.text for m in cell.of("display_data") if not m.display] == ["7"], cell
    assert not cell.stdout


def test_figures_come_back_as_pictures(kernel: Kernel) -> None:
    cell = kernel.run("""%%gpu
import matplotlib.pyplot as plt
plt.plot([1, 2]); plt.show()
figure, axes = plt.subplots(); axes.plot([3, 4])
figure""")
    pictures = [m.content["data"] for m in cell.of("display_data") if not m.display]
    assert [base64.b64decode(p["image/png"])[:4] for p in pictures] == [b"\x89PNG"] * 2, cell
    assert not cell.of("execute_result"), "the figure was seen already"
    assert "non-interactive" not in cell.stdout


def test_a_module_beside_the_notebook(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "beside_me.py").write_text("def predict(x): return 2 * x\n")
    kernel.run(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    assert shown(kernel.run("%%gpu\nimport beside_me\nbeside_me.predict(21)"))["text/plain"] == "42"


def test_the_line_magic(kernel: Kernel, lab: Lab) -> None:
    number = kernel.value("mlq.submit(print, 'printed').id")
    kernel.run(f"mlq.job({number}).result()")
    assert kernel.run(f"%mlq logs {number}").stdout == "printed\n"
    assert (
        f"<td style='text-align:left'>{number}</td>" in shown(kernel.run("%mlq jobs"))["text/html"]
    )
    assert lab.url in shown(kernel.run("%mlq status"))["text/plain"]
    assert (
        kernel.run(f"%mlq cancel {number}").stdout
        == f"job {number}: had ended already (succeeded)\n"
    )
    assert "usage: %mlq jobs" in kernel.run("%mlq jobs -h").stdout
    assert kernel.run("%mlq why 999999").error == "MlqError"
    reply = kernel.client.complete("%mlq ca", reply=True, timeout=30)
    assert "cancel" in reply["content"]["matches"]


def test_a_cell_with_a_key_is_one_job(kernel: Kernel) -> None:
    code = "%%gpu --key once\nimport os\nseen = os.environ['MLQ_JOB_ID']"
    kernel.run(code)
    first = kernel.value("seen")
    kernel.run("del seen")
    assert not kernel.run(code).error
    assert kernel.value("seen") == first
