"""Notebook 7 and the classic Notebook: the same cells in the front ends that show one notebook."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from lab import until
from playwright.sync_api import expect
from sheet import CLASSIC, NOTEBOOK, FrontEnd, Sheet
from work import cells, holder, job_of

if TYPE_CHECKING:
    from pathlib import Path

    import mlq
    from playwright.sync_api import Page
    from server import Jupyter

CELLS = {
    "train": "job = mlq.submit(train, 10, 'train', gpus=2)\njob.result()",
    "next": "'the next cell'",
    "chatter": "mlq.run(chatter, 10_000, 'chatter')",
    "held": "held = mlq.submit(speak, 'held', 'held')\nheld.result()",
    "again": "",
}


@pytest.fixture(scope="module", params=[NOTEBOOK, CLASSIC], ids=["notebook", "classic"])
def front(request: pytest.FixtureRequest) -> FrontEnd:
    """The front end."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def gates(front: FrontEnd, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the files that jobs wait for."""
    return tmp_path_factory.mktemp("gates")


@pytest.fixture(scope="module")
def sheet(page: Page, jupyter: Jupyter, front: FrontEnd, gates: Path) -> Sheet:
    """A notebook that is open, with its functions defined."""
    made = Sheet(page, jupyter, front).write(front.path.split("/")[0], cells(gates, **CELLS))
    made.cell("setup").run().done()
    return made


def test_the_place_changes_then_progress_output_and_the_end(
    sheet: Sheet, client: mlq.Client, gates: Path
) -> None:
    ahead = [client.submit(holder(gates / f"ahead{n}"), gpus=2) for n in range(2)]
    until("the devices are taken", ahead[0].running)
    cell, following = sheet.cell("train").run(), sheet.cell("next").run()
    for n in range(2):
        expect(cell.line).to_contain_text(f"train: queued, place {2 - n} of {2 - n}")
        (gates / f"ahead{n}").touch()
    expect(cell.line).to_contain_text(re.compile(r"▕█+.*▏ 40 % \(4 of 10"))
    expect(cell.shows).to_contain_text("epoch 5 of 10")
    (gates / "train").touch()
    following.done()
    expect(cell.line).to_contain_text("succeeded in")
    assert re.findall(r"epoch \d+", cell.text) == [f"epoch {n}" for n in range(1, 11)]
    assert cell.text.count("mlq job") == 1  # one line, painted over
    assert following.value == "'the next cell'"
    assert cell.weak() == []


def test_ten_thousand_lines_roll(sheet: Sheet, gates: Path) -> None:
    (gates / "chatter").touch()
    cell = sheet.cell("chatter").run().done()
    shown = re.findall(r"line (\d+)", cell.text)
    assert shown == [str(n) for n in [*range(2000), *range(9980, 10_000)]]
    expect(cell.shows).to_contain_text("7,980 lines")


def test_stop_then_another_kernel_finds_the_job(
    sheet: Sheet, client: mlq.Client, gates: Path
) -> None:
    cell = sheet.cell("held").run()
    expect(cell.shows).to_contain_text("held begins")
    sheet.stop()
    cell.done()
    job = job_of(cell, client)
    expect(cell.shows).to_contain_text("KeyboardInterrupt")
    expect(cell.shows).to_contain_text(f"goes on; mlq.job({job.id}).result()")
    assert job.running()
    sheet.restart()
    again = sheet.cell("again").fill(f"import mlq\nmlq.job({job.id}).result()").run()
    expect(again.shows).to_contain_text("held begins")
    (gates / "held").touch()
    again.done()
    expect(again.prompt).to_contain_text("[1]:")  # a kernel that has run nothing before
    assert re.findall(r"held \w+", again.text) == ["held begins", "held ends"]
    sheet.cell("setup").run().done()  # for who comes next
