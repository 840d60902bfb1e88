from __future__ import annotations

from typing import TYPE_CHECKING

import mlq
from desk import Desk
from lab import Lab
from playwright.sync_api import expect
from work import returning

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import BrowserContext


def test_dev_needs_no_token(context: BrowserContext, tmp_path: Path) -> None:
    """Whoever started it is known; they are an admin, and there is nothing to sign out of."""
    lab = Lab(tmp_path, "cpu:1", dev=True).start()
    try:
        with mlq.Client(lab.url) as client:
            client.submit(returning(42), name="first")
            desk = Desk(context, lab.url)
            desk.page.goto(lab.url)
            expect(desk.page.locator(".jobs li")).to_contain_text("first")
            expect(desk.page.locator(".jobs li .badge")).to_have_text("succeeded")
            expect(desk.page.get_by_role("link", name="Admin")).to_be_visible()
            expect(desk.page.get_by_role("button", name="Sign out")).to_be_hidden()
            desk.complain()
    finally:
        lab.stop()
