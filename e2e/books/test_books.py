"""Every notebook of notebooks/, executed, and what its cells show."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from book import Book
from expected import EXPECTED
from lab import REPOSITORY
from shown import NOTHING, missing, text_of

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode
    from servers import Servers

BOOKS = {path.stem: path for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb"))}


def test_every_notebook_has_its_expectations() -> None:
    assert BOOKS
    assert set(BOOKS) == set(EXPECTED)


@pytest.mark.parametrize("name", BOOKS)
def test_notebook(name: str, servers: Servers, tmp_path: Path) -> None:
    book, expected = Book(BOOKS[name]), EXPECTED[name]
    admin = name == "admin"
    token = servers.admin_token if admin else servers.token("ana")
    servers.await_idle()
    with servers.busy() if admin else contextlib.nullcontext():
        cells = book.run({"MLQ_URL": servers.url, "MLQ_TOKEN": token}, tmp_path)
    assert cells
    assert set(expected) <= {cell.id for cell in cells}, "expectations of cells that are not there"
    reports = [
        report(cell, wrong)
        for cell in cells
        if (wrong := missing(cell, book.most_painted(cell), expected.get(cell.id, NOTHING)))
    ]
    if reports:
        pytest.fail(f"{name}, as executed: {tmp_path}\n\n" + "\n\n".join(reports), pytrace=False)


def report(cell: NotebookNode, wrong: list[str]) -> str:
    """The cell with what it showed."""
    return f"cell {cell.id}: {'; '.join(wrong)}\n{cell.source}\n--- shows\n{text_of(cell)}"
