"""A device that somebody works on by hand: what the page tells everybody of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from desk import Desk
from lab import Lab, Person, until
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

ALONE = "devices: [{name: first, model: H100}]\n"
SHARED = """devices:
- name: first
  model: H100
  processes: [{pid: 4712, user: bo, uid: 54321, name: python3, memory: 2GiB}]
"""


@pytest.fixture
def gpus(tmp_path: Path) -> Path:
    """What the host's simulated GPU looks like, to be written anew while it runs."""
    path = tmp_path / "gpus.yaml"
    path.write_text(ALONE)
    return path


@pytest.fixture
def lab(tmp_path: Path, gpus: Path) -> Iterator[Lab]:
    """A server with this one device."""
    made = Lab(tmp_path, f"sim:{gpus}")
    try:
        yield made.start()
    finally:
        made.stop()


def test_a_device_that_is_held(browser: Browser, lab: Lab, gpus: Path) -> None:
    """Everybody sees who has it until when; its user and admins, who else is on it."""
    ana, bob = lab.person("ana"), lab.person("bob")
    job: int = ana.ask("/jobs", {"hold": "10m"}, method="POST")
    until("it is held", lambda: ana.ask(f"/jobs/{job}")["state"] == "running")
    for token, told in ((ana.token, True), (bob.token, False), (lab.admin_token, True)):
        context = browser.new_context(locale="en-GB")
        desk = Desk(context, lab.url).sign_in(token)
        card = desk.section("Host gpu1").locator(".card")
        expect(card.locator(".badge")).to_have_text("leased")
        held = re.compile(rf"held by {ana.name} until \d\d:\d\d \S+$")
        expect(card.get_by_text(held)).to_be_visible()
        expect(card.locator(".holder")).to_contain_text(ana.name)
        gpus.write_text(SHARED)
        expect(card).to_contain_text("2 of 80 GiB")
        also = re.compile(
            rf"held by {ana.name} until \d\d:\d\d \S+; also used by process 4712 \(python3\) of \S*bo"
        )
        expect(card.get_by_text(also if told else held)).to_be_visible()
        expect(card.get_by_role("link", name=f"job {job}")).to_have_count(int(told))
        expect(card).not_to_contain_text("runs job")
        gpus.write_text(ALONE)
        expect(card.get_by_text(held)).to_be_visible()
        desk.complain()
        context.close()
    give_back(ana, job)
    context = browser.new_context(locale="en-GB")
    desk = Desk(context, lab.url).sign_in(bob.token)
    card = desk.section("Host gpu1").locator(".card")
    expect(card.locator(".badge")).to_have_text("free")
    expect(card).not_to_contain_text("held by")
    context.close()


def give_back(person: Person, job: int) -> None:
    """End a hold as `mlq cancel` does, and wait until it has ended."""
    person.ask(f"/jobs/{job}", method="DELETE")
    until("it has ended", lambda: person.ask(f"/jobs/{job}")["state"] == "cancelled")
