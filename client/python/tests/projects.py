"""Modules that lie beside a notebook, and what of them goes along."""

from __future__ import annotations

import importlib
import io
import sys
import textwrap
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from mlq._envelope import unpack
from mlq._pickle import CallWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the notebook; what is imported from it is forgotten at the end."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def place(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
        path.write_bytes(data)
    importlib.invalidate_caches()


def by_value(function: Any) -> Any:
    """As a function of a notebook is."""
    function.__module__ = "__main__"
    return function


def cell(source: str) -> dict[str, Any]:
    """What a cell of a notebook defines."""
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(textwrap.dedent(source), "<cell>", "exec"), space)
    return space


def names(writer: CallWriter, *args: Any) -> set[str]:
    envelope = unpack(bytearray(b"".join(writer.write(args, {}))))
    data = envelope.frames.get("modules")
    if data is None:
        reference = envelope.header.get("modules")
        if reference is None:
            return set()
        data = memoryview(writer.archives[reference["sha256"]])
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return set(packed.namelist())


def shipped(function: Any, *args: Any, **request: Any) -> set[str]:
    return names(CallWriter(function, request), *args)


PROJECT: dict[str, str | bytes] = {
    "alone.py": "def f(x):\n    return x + 1\n",
    "helper.py": """
        import os, json
        import deeper

        class Point:
            def __init__(self, x): self.x = x

        def late():
            import latest
            return latest.VALUE

        def points(n):
            return [Point(i) for i in range(n)]
        """,
    "deeper.py": "from proj.model import WEIGHTS\n",
    "latest.py": "VALUE = 41\n",
    "unused.py": "raise RuntimeError('never imported')\n",
    "proj/__init__.py": "from . import model\n",
    "proj/model.py": "from .sub import inner\nWEIGHTS = inner.load()\n",
    "proj/sub/__init__.py": "",
    "proj/sub/inner.py": """
        from importlib import resources
        from pathlib import Path

        def load():
            text = resources.files("proj.sub").joinpath("weights.txt").read_text()
            return [text, (Path(__file__).parent / "weights.txt").read_text()]
        """,
    "proj/sub/weights.txt": "0.25",
    "proj/notes.ipynb": "{}",
    "proj/.git/config": "secret",
    "proj/__pycache__/model.pyc": b"\0",
    "proj/venv/pyvenv.cfg": "home = /usr",
    "proj/venv/lib/thing.py": "",
    "space/plugin.py": "import alone\nKIND = 'plugin'\n",
    "space/other.py": "",
}


PROJ = {
    "proj/__init__.py",
    "proj/model.py",
    "proj/sub/__init__.py",
    "proj/sub/inner.py",
    "proj/sub/weights.txt",
}


@pytest.fixture
def project(beside: Path) -> Path:
    place(beside, PROJECT)
    return beside
