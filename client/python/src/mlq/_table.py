"""Rows under headings, as text for a terminal and as HTML for a notebook. Nothing here does I/O."""

from __future__ import annotations

import html
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROWS_HTML = 50  # rows that a notebook shows; its front end keeps them all
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Table(NamedTuple):
    """Cells are text as others wrote it: both forms make it harmless."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str
    """What to say instead of a table without rows."""
    foot: str = ""
    """A line below it."""

    def text(self) -> str:
        """Columns that fit to what is in them, and a line for each row."""
        lines = [harmless(self.foot)] if self.foot else []
        if not self.rows:
            return "\n".join([self.empty, *lines])
        cells = [list(self.head), *([harmless(c) or "-" for c in row] for row in self.rows)]
        widths = [max(_width(row[i]) for row in cells) for i in range(len(self.head))]
        return "\n".join([*(_padded(row, widths) for row in cells), *lines])

    def html(self) -> str:
        """The same, without the columns that have nothing in them, as far as a page should go."""
        below = f"<div>{html.escape(harmless(self.foot))}</div>" if self.foot else ""
        if not self.rows:
            return f"<div>{html.escape(self.empty)}</div>{below}"
        kept = [i for i in range(len(self.head)) if any(row[i] for row in self.rows)]
        head = "".join(f"<th>{html.escape(self.head[i].lower())}</th>" for i in kept)
        rows = "".join(_row(row, kept) for row in self.rows[:_ROWS_HTML])
        more = len(self.rows) - _ROWS_HTML
        if more > 0:
            rows += f"<tr><td colspan='{len(kept)}'>… {more:,} more</td></tr>"
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{below}"


def harmless(text: str) -> str:
    """What others wrote without what steers a terminal or turns the reading direction."""
    return "".join("·" if _steers(c) else c for c in text)


def _steers(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") or character in _BIDI


def _width(text: str) -> int:
    """Columns that a text takes in a terminal."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def _padded(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths)]
    return "  ".join(cells).rstrip()


def _row(row: Sequence[str], kept: Sequence[int]) -> str:
    cells = "".join(
        f"<td style='text-align:left'>{html.escape(harmless(row[i]))}</td>" for i in kept
    )
    return f"<tr>{cells}</tr>"
