#!/usr/bin/env python3
"""Run pytest with the interpreter and folders given; in CI (MLQ_NO_SKIP=1) a skipped test fails.

The count is read from the report that pytest writes, not from what it prints. A test that hangs
ends the run, and says where each of its threads is (from Python 3.10 on).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

HANGS = 300  # seconds; none takes a third of it on a machine with much other work


def ended(python: str) -> list[str]:
    """Return what has pytest end where a test hangs, which that of Python 3.9 cannot."""
    asked = [python, "-c", "import pytest; print(pytest.version_tuple[0])"]
    if int(subprocess.check_output(asked, text=True)) < 9:
        return []
    return ["-o", f"faulthandler_timeout={HANGS}", "-o", "faulthandler_exit_on_timeout=true"]


def main(python: str, *folders: str) -> int:
    """Return pytest's exit code, or 1 for a skipped test in CI."""
    with tempfile.TemporaryDirectory() as tmp:
        report = Path(tmp) / "report.xml"
        pytest = [python, "-m", "pytest", "-rs", f"--junitxml={report}", *ended(python)]
        code = subprocess.call([*pytest, *folders])
        if code != 0 or os.environ.get("MLQ_NO_SKIP") != "1":
            return code
        skipped = sum(int(s.get("skipped", "0")) for s in ET.parse(report).iter("testsuite"))
        if skipped:
            print(f"pytest: MLQ_NO_SKIP is set, and {skipped} tests were skipped", file=sys.stderr)
        return 1 if skipped else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
