from __future__ import annotations

from typing import TYPE_CHECKING

from desk import Desk
from lab import until
from playwright.sync_api import expect
from work import waiting

if TYPE_CHECKING:
    from pathlib import Path

    from lab import Lab, Person
    from playwright.sync_api import Browser


def test_a_revoked_lease_tells_its_owner_who_and_why(
    browser: Browser, desk: Desk, lab: Lab, ana: Person, gate: Path
) -> None:
    job = ana.client.submit(waiting(gate), name="long", grace=1)
    until("it runs", job.running)
    context = browser.new_context()
    owner = Desk(context, lab.url).sign_in(ana.token, f"jobs/{job.id}")
    expect(owner.page.locator(".job .badge")).to_have_text("running")
    expect(owner.page.get_by_role("link", name="Admin")).to_be_hidden()

    desk.sign_in(lab.admin_token, "admin")
    expect(desk.section("Hosts")).to_contain_text("of 2 free, simulated")
    expect(desk.section("Leases").locator(".tag").first).to_have_text("simulated")
    expect(desk.section("Users")).to_contain_text(ana.name)
    desk.page.get_by_role("button", name=f"Revoke the lease of job {job.id}").click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("deadline tonight")
    dialog.get_by_role("button", name="Revoke").click()
    expect(dialog).to_be_hidden()
    expect(desk.section("Leases")).not_to_contain_text(ana.name)

    expect(owner.page.locator(".job .badge")).to_have_text("cancelled")
    expect(owner.page.locator(".outcome")).to_contain_text("admin")
    expect(owner.page.locator(".outcome")).to_contain_text("deadline tonight")
    owner.complain()
    context.close()


def test_draining_a_host(desk: Desk, lab: Lab, ana: Person, gate: Path) -> None:
    """With a deadline, which whoever has a job there is told."""
    job = ana.client.submit(waiting(gate))
    until("it runs", job.running)
    desk.sign_in(lab.admin_token, "admin")
    desk.page.get_by_role("button", name="Drain gpu1").click()
    desk.page.get_by_label("Reason").fill("new driver")
    desk.page.get_by_label("What still runs is stopped after").fill("1h")
    desk.page.get_by_role("dialog").get_by_role("button", name="Drain").click()
    expect(desk.section("Hosts")).to_contain_text("new driver")
    desk.go(f"jobs/{job.id}")
    expect(desk.page.locator(".closing")).to_contain_text("new driver")
    uuid = job.details()["attempts"][0]["devices"][0]
    lab.admin("drain", uuid, "--deadline", "30m", "--reason", "new fan")
    expect(desk.page.locator(".closing")).to_contain_text(f"{uuid} (simulated) is closed")
    lab.admin("drain", uuid, "--undo")
    desk.go("admin")
    desk.page.get_by_role("button", name="Open gpu1").click()
    desk.page.get_by_role("dialog").get_by_role("button", name="Open").click()
    expect(desk.section("Hosts")).not_to_contain_text("new driver")


def test_an_address_that_is_not_ones_own_says_so(desk: Desk, lab: Lab, ana: Person) -> None:
    """Neither empty tables nor a job that is nobody's and waits."""
    desk.sign_in(ana.token, "admin")
    expect(desk.page.get_by_text("This is for admins.")).to_be_visible()
    expect(desk.section("Hosts")).to_be_hidden()
    desk.go("jobs/999999")
    expect(desk.page.get_by_text("There is no job 999999")).to_be_visible()
    expect(desk.page.locator(".job .badge")).to_be_hidden()
