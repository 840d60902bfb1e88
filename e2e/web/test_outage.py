from __future__ import annotations

from typing import TYPE_CHECKING

from desk import Desk
from lab import Lab
from playwright.sync_api import expect
from work import returning

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import BrowserContext


def test_the_picture_stays_while_the_server_is_away(
    context: BrowserContext, tmp_path: Path
) -> None:
    lab = Lab(tmp_path, "sim:1").start()
    try:
        ana = lab.person("ana")
        job = ana.client.submit(returning(1), name="before")
        desk = Desk(context, lab.url).sign_in(ana.token)
        expect(desk.page.locator(".jobs")).to_contain_text("succeeded")
        lab.kill()
        bar = desk.page.get_by_role("alert").filter(has_text="The server is away")
        expect(bar).to_contain_text("This is how it was at")
        expect(bar).to_contain_text("ago")
        expect(desk.page.locator(".card")).to_have_count(1)
        expect(desk.page.locator(".jobs")).to_contain_text("before")
        expect(desk.page.locator("#link")).to_have_text("not live")
        desk.page.evaluate("window.sameDocument = true")
        lab.start()
        expect(bar).to_be_hidden()
        expect(desk.page.locator("#link")).to_have_text("live")
        later = ana.client.submit(returning(2), name="after")
        expect(desk.page.locator(".jobs li").first).to_contain_text("after")
        assert later.id > job.id
        assert desk.page.evaluate("window.sameDocument") is True
    finally:
        lab.stop()
