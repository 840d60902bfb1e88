"""For every reader: small screens, keyboards, both themes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from contrast import CONTRAST
from desk import Desk
from lab import until
from playwright.sync_api import expect
from work import failing, returning, waiting

if TYPE_CHECKING:
    from pathlib import Path

    from lab import Lab, Person
    from playwright.sync_api import Browser


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_view_on_a_phone_in_both_themes(
    browser: Browser, lab: Lab, ana: Person, gate: Path, theme: str
) -> None:
    """Nothing is wider than 375 px, every text has the contrast of WCAG AA."""
    long_name = "a-very-long-name-without-a-space-" * 3
    jobs = [
        ana.client.submit(waiting(gate), name=long_name),
        ana.client.submit(waiting(gate), timeout="1h"),
        ana.client.submit(failing("x" * 300)),
    ]
    until("they run", lambda: jobs[0].running() and jobs[1].running())
    context = browser.new_context(viewport={"width": 375, "height": 740}, color_scheme=theme)  # type: ignore[arg-type]
    desk = Desk(context, lab.url)
    desk.page.goto(lab.url)
    expect(desk.page.get_by_label("Token")).to_be_visible()
    assert desk.page.evaluate(CONTRAST) == []
    desk.sign_in(lab.admin_token)
    expect(desk.page.locator(".card[data-state=leased]")).to_have_count(2)
    for view in ("", "jobs", "queue", "admin", f"jobs/{jobs[0].id}", f"jobs/{jobs[2].id}"):
        desk.go(view)
        expect(desk.page.locator("main h1, main h2").first).to_be_attached()
        desk.page.wait_for_timeout(150)
        assert desk.page.evaluate("document.documentElement.scrollWidth") <= 375, view
        assert desk.page.evaluate(CONTRAST) == [], view
    desk.complain()
    context.close()
    gate.touch()


def test_by_keyboard_alone(desk: Desk, ana: Person, gate: Path) -> None:
    job = ana.client.submit(waiting(gate), name="keyed", grace=1)
    other = ana.client.submit(returning(1), name="other")
    page = desk.page
    keys = page.keyboard
    page.goto(desk.url)
    expect(page.get_by_label("Token")).to_be_focused()
    keys.type(ana.token)
    keys.press("Enter")
    expect(page.locator(".jobs li")).to_have_count(2)
    keys.press("/")
    expect(page.get_by_label("Filter what is shown")).to_be_focused()
    keys.type("keyed")
    expect(page.locator(".jobs li")).to_have_count(1)
    for _ in range(30):  # on to the job, by Tab
        keys.press("Tab")
        if page.evaluate("document.activeElement.closest('.jobs') !== null"):
            break
    ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert ring == "solid"  # one sees where one is
    keys.press("Enter")
    page.wait_for_url(f"**/jobs/{job.id}")
    keys.press("Escape")  # first the filter
    expect(page.get_by_label("Filter what is shown")).to_have_value("")
    button = page.get_by_role("button", name="Cancel", exact=True)
    for _ in range(30):
        keys.press("Tab")
        if button.evaluate("b => b === document.activeElement"):
            break
    keys.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()
    keys.press("Enter")
    expect(page.get_by_role("button", name="Cancel the job")).to_be_focused()
    keys.press("Enter")
    expect(page.locator(".job .badge")).to_have_text("cancelled")
    expect(page.locator("#said")).not_to_be_empty()  # told to who does not see
    page.evaluate("document.activeElement.blur()")
    keys.press("Escape")
    page.wait_for_url("**/#/jobs")
    until("the other has ended", other.done)
