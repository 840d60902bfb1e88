"""A notebook that runs by itself, as nbclient runs it, and what each of its cells showed."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

PATIENCE = 60  # seconds that a cell may take
RESTART = "restart-kernel"  # tag of a cell before which the kernel is killed and started again


class Book(NotebookClient):
    """A notebook, and how often each display of each cell was painted."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self.painted: Counter[tuple[str, str]] = Counter()  # by cell and display
        notebook = nbformat.read(path, as_version=4)
        super().__init__(
            notebook, timeout=PATIENCE, kernel_name="python3", on_cell_start=self._begin
        )

    def run(self, env: dict[str, str], folder: Path) -> list[NotebookNode]:
        """Execute it in a folder, and return its code cells. A copy with the outputs stays there."""
        self.resources = {"metadata": {"path": str(folder)}}
        mine = {"IPYTHONDIR": str(folder / ".ipython")}
        try:
            self.execute(env={**os.environ, **mine, **env})
        finally:
            nbformat.write(self.nb, folder / f"{self.name}.ipynb")
        return [cell for cell in self.nb.cells if cell.cell_type == "code"]

    def create_kernel_manager(self) -> Any:
        """One whose kernel is that of this Python, whatever kernels this machine has."""
        made = super().create_kernel_manager()
        made.kernel_spec_manager = KernelSpecManager(kernel_dirs=[])
        return made

    async def _begin(self, cell: NotebookNode, cell_index: int) -> None:
        if RESTART in cell.metadata.get("tags", []):
            kernel: Any = self.km
            client: Any = self.kc
            await kernel.restart_kernel(now=True)
            await client.wait_for_ready(timeout=PATIENCE)

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> Any:
        """Count the paintings: the outputs have the last one only."""
        display = msg["content"].get("transient", {}).get("display_id")
        if display:
            self.painted[cell.id, display] += 1
        return super().process_message(msg, cell, cell_index)

    def most_painted(self, cell: NotebookNode) -> int:
        """How often the display of a cell was painted that was painted most often."""
        return max((n for (name, _), n in self.painted.items() if name == cell.id), default=0)
