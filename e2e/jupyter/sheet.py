"""A notebook that is open in a browser: its cells, its buttons, and what it shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from contrast import CONTRAST
from lab import until
from playwright.sync_api import Locator, Page, expect
from server import TOKEN

if TYPE_CHECKING:
    from server import Jupyter

expect.set_options(timeout=30_000)  # ms; this machine may have much to do


class FrontEnd(NamedTuple):
    """Where a front end has its parts, as CSS selectors."""

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
    ready=".jp-Notebook-ExecutionIndicator[data-status=idle]",
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
    ready=".kernel_idle_icon",
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
        self._focus()
        self.page.keyboard.press("Control+Enter")
        return self

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

    def __init__(
        self, page: Page, jupyter: Jupyter, front: FrontEnd, names: dict[str, str]
    ) -> None:
        self.page, self._jupyter, self._front = page, jupyter, front
        self._names = list(names)
        self._cells = list(names.values())
        self._file = ""

    def open(self, name: str) -> Sheet:
        """Write the notebook and open it; its kernel is ready then."""
        self._file = self._jupyter.write(name, self._cells)
        path = self._front.path.format(self._file)
        self.page.goto(f"{self._jupyter.url}{path}?token={TOKEN}")
        self.ready()
        return self

    def ready(self) -> None:
        """Wait until the kernel has nothing to do, and the front end knows that it is there."""
        until("the kernel is idle", lambda: self._jupyter.is_idle(self._file))
        expect(self.page.locator(self._front.ready).first).to_be_visible()

    def cell(self, name: str) -> Cell:
        """A cell by its name in the test."""
        at = self.page.locator(self._front.cell).nth(self._names.index(name))
        return Cell(self.page, at, self._front)

    def stop(self) -> None:
        """Press the stop button."""
        self.page.locator(self._front.stop).first.click()

    def restart(self) -> None:
        """Restart the kernel, and say yes."""
        self.page.locator(self._front.restart).first.click()
        with self.page.expect_response("**/restart*"):
            self.page.locator(self._front.confirm).first.click()
        self.ready()
