"""A notebook that is open in a browser: its cells, its buttons, and what it shows."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, NamedTuple

from contrast import CONTRAST
from lab import until
from playwright.sync_api import Locator, Page, expect
from server import TOKEN

if TYPE_CHECKING:
    from server import Jupyter

expect.set_options(timeout=30_000)  # ms; this machine may have much to do


# JupyterLab and Notebook know that their kernel is there, and that it has nothing to do.
CONNECTED = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    const kernel = context?.session?.kernel;
    return context?.isReady && kernel?.status === "idle" && kernel.connectionStatus === "connected";
}"""


class FrontEnd(NamedTuple):
    """Where a front end has its parts, as CSS selectors; ``ready`` asks it in JavaScript."""

    path: str
    cell: str
    editor: str
    focused: str
    prompt: str
    output: str
    said: str
    ready: str
    stop: str
    restart: str
    confirm: str


LAB = FrontEnd(
    path="lab/tree/{}",
    cell=".jp-Notebook .jp-CodeCell",
    editor=".cm-content",
    focused=".cm-focused",
    prompt=".jp-InputPrompt",
    output=".jp-Cell-outputArea",
    said=".jp-OutputArea-output",
    ready=CONNECTED,
    stop="[data-command='notebook:interrupt-kernel']",
    restart="[data-command='notebook:restart-kernel']",
    confirm=".jp-Dialog .jp-mod-accept",
)
NOTEBOOK = LAB._replace(path="notebooks/{}")
CLASSIC = FrontEnd(
    path="nbclassic/notebooks/{}",
    cell="#notebook-container .code_cell",
    editor=".CodeMirror",
    focused=".CodeMirror-focused",
    prompt=".input_prompt",
    output=".output_wrapper",
    said=".output_subarea",
    ready="() => window.Jupyter?.notebook?.kernel?.is_connected()",
    stop="[data-jupyter-action='jupyter-notebook:interrupt-kernel']",
    restart="[data-jupyter-action='jupyter-notebook:confirm-restart-kernel']",
    confirm=".modal-dialog .btn-danger",
)


class Cell:
    """One cell: run it, and look at it."""

    def __init__(self, page: Page, cell: Locator, front: FrontEnd) -> None:
        self.page, self.at, self._front = page, cell, front

    def run(self) -> Cell:
        """Run it with the keyboard, as people do. The cell keeps the cursor."""
        before = self.prompt.inner_text()
        for _ in range(3):  # JupyterLab may lose a key while it still starts
            self._focus()
            self.page.keyboard.press("Control+Enter")
            with contextlib.suppress(AssertionError):
                expect(self.prompt).not_to_have_text(before, timeout=5_000)
                return self
        raise AssertionError(f"the cell does not run: {before}")

    def fill(self, code: str) -> Cell:
        """Write code in place of what is there."""
        self._focus()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(code)
        return self

    def _focus(self) -> None:
        self.at.locator(self._front.editor).first.click(position={"x": 5, "y": 8})
        expect(self.at.locator(self._front.focused)).to_be_visible()

    def done(self) -> Cell:
        """Wait until it has run."""
        expect(self.prompt).to_have_text(re.compile(r"\[\d+\]"))
        return self

    @property
    def prompt(self) -> Locator:
        """[ ], [*] or [3]."""
        return self.at.locator(self._front.prompt).first

    @property
    def shows(self) -> Locator:
        """All that it shows."""
        return self.at.locator(self._front.output)

    @property
    def line(self) -> Locator:
        """The line of the job, which is the display that mlq paints."""
        return self.shows.locator("div[style*='font-family:monospace']").first

    @property
    def text(self) -> str:
        """Its output as text."""
        return self.shows.inner_text()

    @property
    def value(self) -> str:
        """The value of its last line, without the number beside it."""
        return self.shows.locator(self._front.said).last.inner_text().strip()

    def weak(self) -> list[str]:
        """What of its output is hard to read. The number beside a value is the front end's."""
        said = self.shows.locator(self._front.said).all()
        assert said, "it shows nothing"
        return [text for part in said for text in part.evaluate(CONTRAST)]


class Sheet:
    """A notebook in a browser's tab, with a kernel of its own."""

    def __init__(self, page: Page, jupyter: Jupyter, front: FrontEnd) -> None:
        self.page, self._jupyter, self._front = page, jupyter, front
        self._names: list[str] = []
        self._file = ""

    def write(self, name: str, cells: dict[str, str]) -> Sheet:
        """Write a notebook of cells that have names here, and open it."""
        self._names = list(cells)
        return self.open(self._jupyter.write(name, list(cells.values())))

    def open(self, file: str) -> Sheet:
        """Open a notebook, and none that was open before; its kernel is ready then."""
        self._file = file
        self.page.goto(f"{self._jupyter.url}{self._front.path.format(file)}?reset&token={TOKEN}")
        self.ready()
        return self

    def ready(self) -> None:
        """Wait until the kernel has nothing to do, and the front end knows that it is there."""
        until("the kernel is idle", lambda: self._jupyter.is_idle(self._file))
        self.page.wait_for_function(self._front.ready)

    def cell(self, name: str) -> Cell:
        """A cell by its name in the test."""
        return Cell(self.page, self.cells.nth(self._names.index(name)), self._front)

    def find(self, code: str) -> Cell:
        """The first cell that has this code."""
        return Cell(self.page, self.cells.filter(has_text=code).first, self._front)

    @property
    def cells(self) -> Locator:
        """All cells of code."""
        return self.page.locator(self._front.cell)

    def stop(self) -> None:
        """Press the stop button."""
        self.page.locator(self._front.stop).first.click()

    def restart(self) -> None:
        """Restart the kernel, and say yes."""
        self.page.locator(self._front.restart).first.click()
        with self.page.expect_response("**/restart*"):
            self.page.locator(self._front.confirm).first.click()
        self.ready()

    def theme(self, name: str) -> None:
        """Make it light or dark, as the system of the person is. JupyterLab follows."""
        self.page.emulate_media(color_scheme=name)  # type: ignore[arg-type]
        is_light = str(name == "light").lower()
        expect(self.page.locator(f"body[data-jp-theme-light={is_light}]")).to_be_attached()
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)
