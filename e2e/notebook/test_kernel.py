"""The kernel of the tests itself."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from kernel import Kernel

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_kernel_is_that_of_this_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign, start = tmp_path / "kernels" / "python3", tmp_path / "profile_default" / "startup"
    foreign.mkdir(parents=True)
    start.mkdir(parents=True)
    spec = {"argv": ["/nowhere/python"], "display_name": "Python 3", "language": "python"}
    (foreign / "kernel.json").write_text(json.dumps(spec))
    (start / "mine.py").write_text("foreign = 1")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    made = Kernel({})
    try:
        assert made.value("__import__('sys').executable") == repr(sys.executable)
        assert made.value("'foreign' in globals()") == "False"
    finally:
        made.stop()
