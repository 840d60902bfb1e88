"""What a job's owner or the job itself may write, to break the page for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lab import until
from playwright.sync_api import expect
from work import failing, printing, returning, waiting

if TYPE_CHECKING:
    from pathlib import Path

    from desk import Desk
    from lab import Lab, Person

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def test_markup_stays_text(desk: Desk, lab: Lab, ana: Person, gate: Path) -> None:
    """In names, results, errors and logs, on the owner's page and on an admin's."""
    job = ana.client.submit(waiting(gate), name=MARKUP)
    told = [ana.client.submit(work(MARKUP)) for work in (returning, failing, printing)]
    until("it runs", job.running)
    desk.sign_in(lab.admin_token, "admin")
    expect(desk.section("Leases")).to_contain_text(MARKUP)
    gate.touch()
    until("they end", lambda: all(j.done() for j in [job, *told]))
    for view in ("", "jobs", "queue"):
        desk.go(view)
        desk.page.wait_for_timeout(50)
    desk.page.evaluate("sessionStorage.clear()")
    desk.page.reload()
    desk.sign_in(ana.token)
    expect(desk.page.locator(".jobs")).to_contain_text(MARKUP)
    for j in told:
        desk.go(f"jobs/{j.id}")
        expect(desk.page.locator("main")).to_contain_text("<img src=x onerror=alert(1)>")
    assert desk.page.locator("img[src=x], main script").count() == 0


@pytest.mark.parametrize(
    ("printed", "seen"),
    [
        ("10 %\r50 %\r100 %\n", "100 %\n"),
        ("abc\rX\n", "Xbc\n"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b[2J\x1b[1;1Hplain\n", "red plain\n"),
        ("a\r\nb\n", "a\nb\n"),
        ("\u202egnp.exe \x00\x08end\n", "gnp.exeend\n"),
        ("ü€😀\n", "ü€😀\n"),
    ],
)
def test_a_log_reads_as_a_terminal_leaves_it(desk: Desk, lab: Lab, printed: str, seen: str) -> None:
    desk.page.goto(lab.url)
    read = """async ([printed, size]) => {
        const { Terminal } = await import("/web/terminal.js");
        const terminal = new Terminal();
        let out = "";
        for (let at = 0; at < printed.length; at += size) out += terminal.write(printed.slice(at, at + size));
        return out + terminal.line;
    }"""
    for size in (1, 2, 3, 1000):
        assert desk.page.evaluate(read, [printed, size]) == seen


def test_a_log_of_16_mib_leaves_the_page_quick(desk: Desk, ana: Person) -> None:
    line = "x" * 99 + "\n"
    job = ana.client.submit(printing(line, (16 << 20) // 100 - 10), name="loud")
    desk.sign_in(ana.token, f"jobs/{job.id}")
    expect(desk.page.locator(".job .badge")).to_have_text("succeeded", timeout=30_000)
    expect(desk.page.locator(".older")).to_contain_text("left out")
    length = desk.page.get_by_role("log").evaluate("pre => pre.textContent.length")
    assert 100_000 < length < 600_000
    desk.page.reload()  # a reader who comes late gets the end only
    expect(desk.page.locator(".older")).to_contain_text("MiB of earlier output")
    expect(desk.page.get_by_role("log")).to_contain_text("x" * 99)


def test_one_line_without_an_end(desk: Desk, ana: Person) -> None:
    job = ana.client.submit(printing("y" * 1000, 2000))
    desk.sign_in(ana.token, f"jobs/{job.id}")
    expect(desk.page.locator(".job .badge")).to_have_text("succeeded")
    expect(desk.page.get_by_role("log")).to_contain_text("y" * 1000)
