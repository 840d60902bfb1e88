"""Make the pictures of notebooks in docs/img: `make pictures`. A real server, kernel, JupyterLab and Chromium."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlq
from chromium import chromium
from lab import Lab, until
from playwright.sync_api import expect
from server import Jupyter
from sheet import CLASSIC, LAB, Cell, FrontEnd, Sheet
from work import holder, job_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

TRAIN = """
import math, time, mlq

def train(lr, epochs=40):
    for epoch in mlq.progress(range(1, epochs + 1)):
        loss = 2.3 * math.exp(-epoch / 12) + lr
        print(f"epoch {epoch:2}/{epochs}  loss {loss:.4f}", flush=True)
        time.sleep(0.25)
    return {"lr": lr, "loss": round(loss, 4)}
""".strip()
RUN = 'job = mlq.submit(train, 3e-4, name="resnet50", gpus=2, timeout="2h")\njob.result()'
FAILS = """
def finetune(config):
    lr = config["lr"]
    return lr * config["momentum"]

mlq.run(finetune, {"lr": 3e-4})
""".strip()
HIGH: Any = {"width": 1100, "height": 1000}  # CSS pixels; a cell must fit to be in a picture
LOW: Any = {"width": 1100, "height": 500}
CARDS = {
    "driver": {"version": "580.65.06", "cuda": "13.0"},
    "devices": [{"name": f"gpu{i}", "model": "H100"} for i in range(2)],
}


@contextlib.contextmanager
def desks(folder: Path) -> Iterator[tuple[Jupyter, dict[str, mlq.Client]]]:
    """Ana's Jupyter, and those with whom she shares two GPUs."""
    (folder / "cards.yaml").write_text(json.dumps(CARDS))
    lab = Lab(folder, f"sim:{folder / 'cards.yaml'}").start()
    tokens = {name: lab.token(name) for name in ("ana", "bob", "chen")}
    people = {name: mlq.Client(lab.url, token) for name, token in tokens.items()}
    jupyter = Jupyter(folder / "jupyter", MLQ_URL=lab.url, MLQ_TOKEN=tokens["ana"])
    try:
        yield jupyter.start(), people
    finally:
        jupyter.stop()
        for client in people.values():
            client.close()
        lab.stop()


class Camera:
    """Takes pictures of notebooks, in one folder."""

    def __init__(self, browser: Browser, jupyter: Jupyter, out: Path) -> None:
        self._browser, self._jupyter, self._out = browser, jupyter, out

    def sheet(self, front: FrontEnd, theme: str, name: str, *codes: str) -> Sheet:
        """A notebook that is open and has run its first cell."""
        look: Any = {"viewport": HIGH, "color_scheme": theme, "device_scale_factor": 1.5}
        context = self._browser.new_context(locale="en-GB", **look)
        sheet = Sheet(context.new_page(), self._jupyter, front)
        sheet.write(name, {str(n): code for n, code in enumerate(codes)})
        sheet.cell("0").run().done()
        return sheet

    def window(self, name: str, sheet: Sheet) -> None:
        """All of a low window."""
        sheet.page.set_viewport_size(LOW)
        self._told(name, sheet.page.screenshot(path=self._out / name, animations="disabled"))
        sheet.page.set_viewport_size(HIGH)

    def cell(self, name: str, cell: Cell) -> None:
        """One cell with what it shows."""
        self._told(name, cell.at.screenshot(path=self._out / name, animations="disabled"))

    def _told(self, name: str, picture: bytes) -> None:
        print(f"{self._out / name}: {len(picture) / 1000:.0f} kB")


def waiting_then_running(camera: Camera, people: dict[str, mlq.Client], folder: Path) -> None:
    """A job that waits in the light, and runs in the dark."""
    gate = folder / "gate"
    ahead = people["bob"].submit(holder(gate), gpus=2, name="pretrain", timeout="4h")
    until("bob has the GPUs", ahead.running)
    people["chen"].submit(holder(gate), gpus=2, name="eval", timeout="1h")
    sheet = camera.sheet(LAB, "light", "training", TRAIN, RUN)
    sheet.page.locator(".jp-SideBar [title^='File Browser']").first.click()
    cell = sheet.cell("1").run()
    expect(cell.line).to_contain_text("place 2 of 2, starts in about")
    camera.window("notebook-waiting.png", sheet)
    sheet.theme("dark")
    gate.touch()
    expect(cell.line).to_contain_text(re.compile(r" % \(1\d of 40"))
    camera.cell("notebook-running.png", cell)
    sheet.stop()
    cell.done()
    sheet.theme("light")
    camera.cell("notebook-stopped.png", cell)
    job_of(cell, people["ana"]).cancel()


def failing(camera: Camera) -> None:
    """An error of a job, with the lines that failed there."""
    sheet = camera.sheet(LAB, "dark", "failing", "import mlq", FAILS)
    cell = sheet.cell("1").run().done()
    camera.cell("notebook-error.png", cell)


def classic(camera: Camera) -> None:
    """A job that succeeds in the classic Notebook."""
    code = RUN.replace("3e-4", "3e-4, epochs=6")
    sheet = camera.sheet(CLASSIC, "light", "classic", TRAIN, code)
    cell = sheet.cell("1").run().done()
    camera.cell("notebook-classic.png", cell)


def main(folder: str) -> None:
    """Write the pictures into the folder."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    data = Path(tempfile.mkdtemp())
    with desks(data) as (jupyter, people), chromium() as browser:
        camera = Camera(browser, jupyter, out)
        waiting_then_running(camera, people, data)
        failing(camera)
        classic(camera)
    shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
