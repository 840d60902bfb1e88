#!/usr/bin/env python3
"""Keep notebooks as git should have them: no outputs, no counts, nothing that a front end left.

scripts/ipynb.py check FOLDER   says what is wrong, and fails
scripts/ipynb.py strip FOLDER   writes them anew
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# A name that a person gave. Front ends make up ids of hexadecimal digits.
NAME = re.compile(r"(?![0-9a-f-]+$)[a-z][a-z0-9-]{1,63}")


def stripped(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return what of a notebook belongs to its author."""
    cells = [stripped_cell(cell) for cell in notebook["cells"]]
    return {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def stripped_cell(cell: dict[str, Any]) -> dict[str, Any]:
    """Return what of a cell belongs to its author: of its metadata, the tags."""
    kept = {key: value for key, value in cell.items() if key in ("cell_type", "id", "source")}
    tags = cell.get("metadata", {}).get("tags")
    kept["metadata"] = {"tags": sorted(tags)} if tags else {}
    if cell["cell_type"] == "code":
        kept |= {"execution_count": None, "outputs": []}
    return kept


def text(notebook: dict[str, Any]) -> str:
    """Return a notebook as Jupyter writes it."""
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def faults(found: str) -> list[str]:
    """Tell what is wrong with the text of a notebook."""
    notebook = json.loads(found)
    wrong = [f"cell {n}: {fault}" for n, cell in enumerate(notebook["cells"]) for fault in of(cell)]
    ids = [cell.get("id") for cell in notebook["cells"]]
    wrong += [
        f"two cells are named {name!r}"
        for name in sorted({n for n in ids if n})
        if ids.count(name) > 1
    ]
    if not any(cell["cell_type"] == "code" for cell in notebook["cells"]):
        wrong.append("it has no code")
    if not wrong and text(stripped(notebook)) != found:
        wrong.append("it has metadata of a front end, or is written in another way")
    return wrong


def of(cell: dict[str, Any]) -> list[str]:
    """Tell what is wrong with a cell."""
    wrong = []
    if not NAME.fullmatch(cell.get("id", "")):
        wrong.append(f"its id {cell.get('id')!r} is no name, as 'first-job'; give it one")
    if cell.get("outputs"):
        wrong.append("it has outputs")
    if cell.get("execution_count") is not None:
        wrong.append("it has an execution count")
    return wrong


def main(order: str, folder: str) -> int:
    """Check or strip all notebooks of a folder."""
    books = sorted(Path(folder).rglob("*.ipynb"))
    if not books:
        print(f"notebooks: there is none in {folder}", file=sys.stderr)
        return 1
    if order == "strip":
        for book in books:
            book.write_text(text(stripped(json.loads(book.read_text("utf-8")))), "utf-8")
    wrong = [f"{book}: {fault}" for book in books for fault in faults(book.read_text("utf-8"))]
    if wrong:
        print(*wrong, "`make format` strips notebooks", sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("check", "strip"):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
