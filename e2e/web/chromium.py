"""The system's Chromium, driven by Playwright, which brings no browser of its own here."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

from playwright.sync_api import Browser, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window. MLQ_CHROMIUM names another than the one on PATH."""
    found = os.environ.get("MLQ_CHROMIUM") or shutil.which("chromium")
    if found is None:
        message = "no chromium: scripts/need.sh test installs it, MLQ_CHROMIUM names another"
        raise FileNotFoundError(message)
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=flags)
        yield launched
        launched.close()
