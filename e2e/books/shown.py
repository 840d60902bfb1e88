"""What a cell must show, and what is missing in what it showed."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nbformat import NotebookNode


class Shows(NamedTuple):
    """``text``: patterns that its text matches, in this order. ``paints``: of one display, at least.

    ``table`` and ``pictures`` are how many of these it shows; ``error`` is the exception that ends it.
    """

    text: tuple[str, ...] = ()
    pictures: int = 0
    tables: int = 0
    paints: int = 0
    error: str = ""


def shows(
    *text: str, pictures: int = 0, tables: int = 0, paints: int = 0, error: str = ""
) -> Shows:
    """Say what a cell must show."""
    return Shows(text, pictures, tables, paints, error)


NOTHING = shows()
INTERNAL = re.compile(r"mlq/_\w+\.py")  # a frame of the package in a traceback


def text_of(cell: NotebookNode) -> str:
    """All that a person could read of the outputs of a cell, without pictures."""
    return "\n".join(text_of_output(output) for output in cell.outputs)


def text_of_output(output: NotebookNode) -> str:
    """The text of one output."""
    if output.output_type == "stream":
        return str(output.text)
    if output.output_type == "error":
        return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(output.traceback))
    page = str(output.data.get("text/html", ""))
    return text_of_table(page) if "<table" in page else str(output.data.get("text/plain", ""))


def text_of_table(page: str) -> str:
    """A line for each row, with two spaces between cells."""
    page = re.sub(r"<style.*?</style>|\s+", " ", page, flags=re.DOTALL)
    lines = re.split(r"</tr>|</div>|(?=<table)", re.sub(r"</t[hd]>", "  ", page))
    return "\n".join(html.unescape(re.sub(r"<[^>]*>", "", line)).strip() for line in lines)


def missing(cell: NotebookNode, painted: int, want: Shows) -> list[str]:
    """Tell what a cell does not show, or should not."""
    if want == NOTHING:
        return ["it shows something, and nothing is expected"] if cell.outputs else []
    wrong, rest = [], text_of(cell)
    for pattern in want.text:
        found = re.search(pattern, rest, re.MULTILINE)
        if found is None:
            wrong.append(f"no {pattern!r}")
            break
        rest = rest[found.end() :]
    counted = {"pictures": of(cell, "image/png"), "tables": tables(cell)}
    for what, there in counted.items():
        if there != getattr(want, what):
            wrong.append(f"{there} {what}, not {getattr(want, what)}")
    if INTERNAL.search(text_of(cell)):
        wrong.append("frames of the package")
    if painted < want.paints:
        wrong.append(f"painted {painted} times, not {want.paints}")
    errors = [output.ename for output in cell.outputs if output.output_type == "error"]
    if errors != ([want.error] if want.error else []):
        wrong.append(f"it raised {errors}, not {want.error or 'nothing'}")
    return wrong


def of(cell: NotebookNode, kind: str) -> int:
    """How many outputs have data of a kind."""
    return sum(kind in output.get("data", {}) for output in cell.outputs)


def tables(cell: NotebookNode) -> int:
    """How many outputs are tables."""
    return sum("<table" in output.get("data", {}).get("text/html", "") for output in cell.outputs)
