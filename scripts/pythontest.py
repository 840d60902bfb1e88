#!/usr/bin/env python3
"""Run pytest with the interpreter and folders given; in CI (MLQ_NO_SKIP=1) a skipped test fails.

The count is read from the report that pytest writes, not from what it prints.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path


def main(python: str, *folders: str) -> int:
    """Return pytest's exit code, or 1 for a skipped test in CI."""
    with tempfile.TemporaryDirectory() as tmp:
        report = Path(tmp) / "report.xml"
        code = subprocess.call([python, "-m", "pytest", "-rs", f"--junitxml={report}", *folders])
        if code != 0 or os.environ.get("MLQ_NO_SKIP") != "1":
            return code
        skipped = sum(int(s.get("skipped", "0")) for s in ET.parse(report).iter("testsuite"))
        if skipped:
            print(f"pytest: MLQ_NO_SKIP is set, and {skipped} tests were skipped", file=sys.stderr)
        return 1 if skipped else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
