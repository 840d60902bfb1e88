"""The files of notebook cells as a notebook names them: ``Cell In[3]``."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

_FILE = re.compile(r'^([ |+]*)File "([^"\n]+)", line (\d+)', re.MULTILINE)
_SENT = re.compile(r"<cell (\d+)>$")


def with_cells(traceback: str) -> str:
    """The traceback with ``Cell In[3], line 2`` for code of this kernel's cells."""
    label = _labels()
    if label is None:
        return traceback

    def named(found: re.Match[str]) -> str:
        cell = label(found[2])
        return found[0] if cell is None else f"{found[1]}{cell}, line {found[3]}"

    return _FILE.sub(named, traceback)


def _labels() -> Any | None:
    """What gives the words for the file of a cell, in IPython; None elsewhere. Imports nothing."""
    get = getattr(sys.modules.get("IPython"), "get_ipython", None)
    words = getattr(getattr(get() if get else None, "compile", None), "format_code_name", None)
    if words is None:
        return None

    def label(filename: str) -> str | None:
        found = words(_here(filename))  # ("Cell", "In[3]"), or None for what is no cell
        return " ".join(found) if found else None

    return label


def _here(filename: str) -> str:
    """The file that ``<cell 4711>``, as cells are sent, has in this kernel."""
    sent, kernel = _SENT.match(filename), sys.modules.get("ipykernel.compiler")
    folder = getattr(kernel, "get_tmp_directory", None)
    return f"{folder()}{os.sep}{sent[1]}.py" if sent and folder else filename
