"""The quickstart as a person runs it in JupyterLab: all cells by the menu, and eyes on the screen."""

from __future__ import annotations

import re
import shutil
from itertools import groupby
from typing import TYPE_CHECKING

from lab import REPOSITORY
from playwright.sync_api import expect
from sheet import LAB, Sheet

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from server import Jupyter

# All that the lines of jobs showed, one after the other.
WATCH = """() => {
    window.seen = [];
    new MutationObserver(() => {
        for (const line of document.querySelectorAll(".jp-OutputArea-output div[style*=monospace]")) {
            const text = line.innerText;
            if (!window.seen.includes(text)) window.seen.push(text);
        }
    }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


def test_quickstart_in_jupyterlab(page: Page, jupyter: Jupyter) -> None:
    shutil.copy(REPOSITORY / "notebooks" / "quickstart.ipynb", jupyter.notebooks)
    sheet = Sheet(page, jupyter, LAB).open("quickstart.ipynb")
    page.evaluate(WATCH)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    waits = sheet.find("jobs[-1].result()").done()
    said = re.findall(r"epoch \d: loss", waits.text)
    assert said == [f"epoch {n}: loss" for n in range(6)]
    assert "'lr': 0.5" in waits.text
    expect(sheet.cells.last.locator(".jp-InputPrompt").first).to_have_text(re.compile(r"\[\d+\]"))
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    job = re.search(r"mlq job (\d+) train: succeeded", waits.line.inner_text())
    assert job is not None
    lines = [text for text in page.evaluate("window.seen") if f"job {job[1]} " in text]
    # Five jobs on two devices: three wait, and the last of them watches the others go.
    places = [int(found[1]) for text in lines if (found := re.search(r"place (\d) of", text))]
    assert [place for place, _ in groupby(places)] in ([3, 2, 1], [3, 1], [2, 1]), lines
    assert any(re.search(r"▕█+.*▏ \d+ % \(\d of 6", text) for text in lines), lines
