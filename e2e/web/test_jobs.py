from __future__ import annotations

from typing import TYPE_CHECKING

from lab import until
from playwright.sync_api import expect
from work import drawing, failing, returning, waiting

if TYPE_CHECKING:
    from pathlib import Path

    from desk import Desk
    from lab import Person


def test_a_job_runs_before_ones_eyes(desk: Desk, ana: Person, gate: Path) -> None:
    """Devices, log, progress and result come without a reload."""
    last = gate.with_name("last")
    desk.sign_in(ana.token)
    page = desk.page
    expect(page.locator(".card[data-state=free]")).to_have_count(2)
    expect(page.locator(".card .tag")).to_have_text(["simulated", "simulated"])
    expect(page.locator(".devices > header .sum")).to_have_text("2 of 2 free · simulated")
    expect(page.locator(".hosts h3 .muted")).to_have_text("2 devices, 2 free, simulated")
    page.evaluate("window.sameDocument = true")
    job = ana.client.submit(waiting(gate, last, value={"loss": 0.25}), name="train", timeout="2h")
    taken = page.locator(".card[data-state=leased]")
    expect(taken).to_contain_text(f"{ana.name} · job {job.id}")
    expect(taken).to_contain_text("until")
    taken.get_by_role("link").click()
    expect(page.locator(".facts")).to_contain_text("2 h")
    expect(page.locator(".facts .tag")).to_have_text("simulated")
    log = page.get_by_role("log")
    expect(log).to_have_text("first line\n")
    until(
        "half of the way is shown",
        lambda: page.get_by_role("progressbar").evaluate("p => p.value") == 50,
    )
    page.wait_for_timeout(1000)  # the page has looked at the job; what comes now comes by events
    gate.touch()
    bar = page.get_by_role("progressbar")
    until("three quarters are shown", lambda: bar.evaluate("p => p.value") == 75, seconds=5)
    last.touch()
    expect(log).to_have_text("first line\nlast line\n")
    expect(page.locator(".job .badge")).to_have_text("succeeded")
    expect(page.locator(".outcome pre")).to_contain_text('"loss": 0.25')
    assert page.evaluate("window.sameDocument") is True


def test_cancel_and_run_again(desk: Desk, ana: Person, gate: Path) -> None:
    job = ana.client.submit(waiting(gate), name="wrong", grace=1)
    desk.sign_in(ana.token, f"jobs/{job.id}")
    page = desk.page
    expect(page.locator(".facts")).to_contain_text("(the server's default)")
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(page.locator(".job .badge")).to_have_text("cancelled")
    expect(page.locator(".outcome")).to_contain_text(f"Cancelled by {ana.name}")
    page.get_by_role("button", name="Run again").click()
    page.wait_for_url(f"**/jobs/{job.id + 1}")
    expect(page.locator(".facts")).to_contain_text(f"job {job.id}")
    gate.touch()
    expect(page.locator(".job .badge")).to_have_text("succeeded")


def test_a_failure_shows_its_traceback(desk: Desk, ana: Person) -> None:
    job = ana.client.submit(failing("<b>no data</b>"))
    desk.sign_in(ana.token, f"jobs/{job.id}")
    expect(desk.page.locator(".outcome .error")).to_have_text("error: ValueError: <b>no data</b>")
    expect(desk.page.locator(".outcome pre")).to_contain_text("raise ValueError(words)")
    expect(desk.page.locator(".logs")).to_contain_text("It printed nothing.")


def test_a_picture_and_files(desk: Desk, ana: Person) -> None:
    job = ana.client.submit(drawing({"a b.txt": "kept"}))
    desk.sign_in(ana.token, f"jobs/{job.id}")
    picture = desk.page.get_by_role("img", name=f"The picture that job {job.id} returned")
    until("it is drawn", lambda: picture.evaluate("i => i.naturalWidth") == 2)
    expect(desk.section("Files")).to_contain_text("a b.txt")
    with desk.page.context.expect_page() as opened:
        desk.page.get_by_role("button", name="Open a b.txt in another tab").click()
    expect(opened.value.locator("body")).to_have_text("kept")


def test_places_in_the_queue(desk: Desk, ana: Person, bob: Person, gate: Path) -> None:
    """Each sees who waits; names are their owner's."""
    running = [bob.client.submit(waiting(gate), name="bobs running") for _ in range(2)]
    until("they run", lambda: all(job.running() for job in running))
    mine = ana.client.submit(returning(1), name="anas waiting")
    bob.client.submit(returning(2), name="bobs waiting")
    desk.sign_in(ana.token, "queue")
    rows = desk.page.locator(".queue tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text=ana.name)).to_contain_text(f"job {mine.id} anas waiting")
    for view in ("", "jobs", "queue"):
        desk.go(view)
        expect(desk.page.locator("main")).to_contain_text(
            ana.name if view != "jobs" else "anas waiting"
        )
        assert "bobs" not in desk.page.locator("body").inner_text()
    desk.go(f"jobs/{running[0].id}")
    expect(desk.page.locator(".none")).to_contain_text("somebody else's")
    desk.go(f"jobs/{mine.id}")
    expect(desk.page.locator(".why")).to_contain_text("Place")
    expect(desk.page.locator(".why li").first).to_be_visible()
    gate.touch()
    expect(desk.page.locator(".job .badge")).to_have_text("succeeded")
