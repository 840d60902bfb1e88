from __future__ import annotations

from typing import TYPE_CHECKING

from desk import Desk
from lab import Lab, until
from playwright.sync_api import expect
from work import waiting

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import BrowserContext

FRAMES = """async () => {
    let worst = 0;
    for (let i = 0; i < 20; i++) {
        const before = performance.now();
        await new Promise(requestAnimationFrame);
        worst = Math.max(worst, performance.now() - before);
    }
    return worst;
}"""


def test_5000_jobs_in_the_queue(context: BrowserContext, tmp_path: Path) -> None:
    """They are counted, a page of them is shown, more on request; the page stays quick."""
    lab = Lab(tmp_path, "sim:1").start()
    try:
        ana = lab.person("ana")
        first = ana.client.submit(waiting(tmp_path / "gate"))
        until("it runs", first.running)
        ana.submit_many(5000)
        desk = Desk(context, lab.url).sign_in(ana.token, "queue")
        rows = desk.page.locator(".queue tbody tr")
        expect(desk.page.locator(".queue .sum")).to_have_text("5,000 jobs waiting")
        expect(rows).to_have_count(100)
        desk.page.get_by_role("button", name="Show 100 more").click()
        expect(rows).to_have_count(200)
        desk.page.get_by_label("Filter what is shown").fill("no such user")
        expect(rows).to_have_count(0)
        assert desk.page.evaluate(FRAMES) < 500  # ms; a frame is 16
        desk.complain()
    finally:
        lab.stop()
