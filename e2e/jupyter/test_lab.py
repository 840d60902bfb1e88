"""JupyterLab: what a person sees in it while jobs wait, run, fail and are left."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from lab import until
from playwright.sync_api import expect
from sheet import LAB, Sheet
from work import cells, holder, job_of

if TYPE_CHECKING:
    from pathlib import Path

    import mlq
    from playwright.sync_api import Page
    from server import Jupyter

CELLS = {
    "train": "job = mlq.submit(train, 10, 'train', gpus=2, name='resnet50')\njob.result()",
    "submit": "one = mlq.submit(speak, 'one', 'one', name='first')\n"
    "two = mlq.submit(speak, 'two', 'two', name='second')",
    "one": "one.result()",
    "two": "two.result()",
    "chatter": "mlq.run(chatter, 10_000, 'chatter')",
    "scratch": "",
    "left": "left = mlq.submit(speak, 'left', 'left')\nleft.result()",
    "owned": "mlq.run(speak, 'owned', 'never')",
    "fails": "mlq.run(load, '/no/such/file')",
    "held": "held = mlq.submit(speak, 'held', 'held')\nheld.result()",
    "magics": "%load_ext mlq",
    "gpu": "%%gpu\nprint('on a device', flush=True)\nfound = [n * n for n in range(4)]\nlen(found)",
    "found": "found",
    "table": "mlq.jobs()",
    "again": "",
}


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the files that jobs wait for."""
    return tmp_path_factory.mktemp("gates")


@pytest.fixture(scope="module")
def sheet(page: Page, jupyter: Jupyter, gates: Path) -> Sheet:
    """A notebook that is open, with its functions defined."""
    made = Sheet(page, jupyter, LAB).write("work", cells(gates, **CELLS))
    made.cell("setup").run().done()
    return made


def test_the_place_changes_then_progress_output_and_the_end(
    sheet: Sheet, client: mlq.Client, gates: Path
) -> None:
    ahead = [client.submit(holder(gates / f"ahead{n}"), gpus=2) for n in range(3)]
    until("the devices are taken", ahead[0].running)
    cell = sheet.cell("train").run()
    for n in range(3):
        # Of those ahead the first one runs.
        expect(cell.line).to_contain_text(f"resnet50: queued, place {3 - n} of {3 - n}")
        expect(cell.shows).to_contain_text("are held by ")
        (gates / f"ahead{n}").touch()
    expect(cell.line).to_contain_text("running on gpu1 ")
    expect(cell.line).to_contain_text(re.compile(r"▕█+.*▏ 40 % \(4 of 10"))
    expect(cell.shows).to_contain_text("epoch 5 of 10")
    assert "epoch 6" not in cell.text
    (gates / "train").touch()
    cell.done()
    expect(cell.line).to_contain_text("succeeded in")
    assert re.findall(r"epoch \d+", cell.text) == [f"epoch {n}" for n in range(1, 11)]
    assert cell.text.count("mlq job") == 1  # one line, painted over


def test_each_job_in_the_cell_that_waits_for_it(sheet: Sheet, gates: Path) -> None:
    submit, one, two = (sheet.cell(name) for name in ("submit", "one", "two"))
    submit.run()
    one.run()
    two.run()
    expect(one.shows).to_contain_text("one begins")
    (gates / "two").touch()  # it ends while the other one is waited for
    expect(two.prompt).to_have_text("[*]:")
    assert two.text.strip() == ""
    (gates / "one").touch()
    one.done()
    two.done()
    assert re.findall(r"\w+ (?:begins|ends)", one.text) == ["one begins", "one ends"]
    assert re.findall(r"\w+ (?:begins|ends)", two.text) == ["two begins", "two ends"]
    expect(one.line).to_contain_text("first: succeeded in")
    expect(two.line).to_contain_text("second: succeeded in")
    assert submit.text.strip() == ""


# The longest time for which the browser did nothing else than its own work.
WATCH = """() => {
    let last = performance.now();
    window.longest = 0;
    setInterval(() => {
        const now = performance.now();
        window.longest = Math.max(window.longest, now - last);
        last = now;
    }, 20);
}"""


def test_ten_thousand_lines_roll_and_freeze_nothing(sheet: Sheet, gates: Path) -> None:
    sheet.page.evaluate(WATCH)
    cell = sheet.cell("chatter").run()
    expect(cell.shows).to_contain_text("line 1999\n")
    sheet.cell("scratch").fill("# typed while it prints")  # a person goes on working
    expect(sheet.cell("scratch").at).to_contain_text("# typed while it prints")
    expect(cell.shows).to_contain_text("line 9999")
    (gates / "chatter").touch()
    cell.done()
    shown = re.findall(r"line (\d+)", cell.text)
    assert shown == [str(n) for n in [*range(2000), *range(9980, 10_000)]]
    expect(cell.shows).to_contain_text("7,980 lines")
    assert sheet.page.evaluate("window.longest") < 3000  # ms


def test_stop_leaves_the_job_and_says_how_to_come_back(
    sheet: Sheet, client: mlq.Client, gates: Path
) -> None:
    cell = sheet.cell("left").run()
    expect(cell.shows).to_contain_text("left begins")
    sheet.stop()
    cell.done()
    expect(cell.shows).to_contain_text("KeyboardInterrupt")
    job = job_of(cell, client)
    expect(cell.shows).to_contain_text(f"goes on; mlq.job({job.id}).result()")
    assert job.running()
    (gates / "left").touch()
    assert job.result(timeout=30) == "left"


def test_stop_cancels_what_run_owns(sheet: Sheet, client: mlq.Client) -> None:
    cell = sheet.cell("owned").run()
    expect(cell.shows).to_contain_text("owned begins")
    sheet.stop()
    cell.done()
    expect(cell.shows).to_contain_text("KeyboardInterrupt")
    job = job_of(cell, client)
    until("it is cancelled", job.cancelled)
    expect(cell.line).to_contain_text("cancel")


def test_an_error_has_the_line_that_failed_there(sheet: Sheet) -> None:
    cell = sheet.cell("fails").run().done()
    expect(cell.line).to_contain_text("failed after")
    expect(cell.shows).to_contain_text("return open(path)  # the line that fails")
    expect(cell.shows).to_contain_text("FileNotFoundError: [Errno 2] No such file")


def test_a_cell_on_a_device_brings_back_what_it_assigned(sheet: Sheet) -> None:
    sheet.cell("magics").run().done()
    cell = sheet.cell("gpu").run().done()
    expect(cell.line).to_contain_text("succeeded in")
    expect(cell.shows).to_contain_text("on a device")
    assert cell.value == "4"
    assert sheet.cell("found").run().done().value == "[0, 1, 4, 9]"


def test_another_kernel_finds_the_job_with_its_log_from_the_start(
    sheet: Sheet, client: mlq.Client, gates: Path
) -> None:
    cell = sheet.cell("held").run()
    expect(cell.shows).to_contain_text("held begins")
    job = job_of(cell, client)
    sheet.restart()
    again = sheet.cell("again").fill(f"import mlq\nmlq.job({job.id}).result()").run()
    expect(again.shows).to_contain_text("held begins")
    expect(again.prompt).to_have_text("[*]:")
    (gates / "held").touch()
    again.done()
    expect(again.prompt).to_have_text("[1]:")  # a kernel that has run nothing before
    assert re.findall(r"held \w+", again.text) == ["held begins", "held ends"]
    sheet.cell("setup").run().done()  # for who comes next


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_reads_in_both_themes(
    sheet: Sheet, client: mlq.Client, gates: Path, theme: str
) -> None:
    sheet.theme(theme)
    gate = gates / theme
    ahead = client.submit(holder(gate), gpus=2)
    until("the devices are taken", ahead.running)
    cell = sheet.cell("scratch").fill(f"mlq.run(speak, 'read', {theme!r}, gpus=2)").run()
    expect(cell.line).to_contain_text("queued, place 1")
    expect(cell.shows).to_contain_text("are held by ")
    assert cell.weak() == []
    gate.touch()
    cell.done()
    expect(cell.line).to_contain_text("succeeded in")
    assert cell.weak() == []
    table = sheet.cell("table").run().done()
    expect(table.shows.locator("table")).to_contain_text("speak")
    assert table.weak() == []
