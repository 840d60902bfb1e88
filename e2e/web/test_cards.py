"""What the page tells of GPUs, and what admins order there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from cards import GIB, Cards, card, piece
from contrast import CONTRAST
from desk import Desk
from lab import Lab, until
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator

HOSTS = iter(range(1, 100))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server of its own: hosts with GPUs that run nothing are no good for other tests."""
    made = Lab(tmp_path_factory.mktemp("cards"))
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def cards(lab: Lab) -> Cards:
    """A host with a busy card, one that eve has by hand, a sick one, and one in slices."""
    eve = {"pid": 4711, "uid": 1003, "user": "eve", "name": "python", "memory": 20 * GIB}
    made = Cards(lab, f"rack{next(HOSTS)}")
    made.driver["warnings"] = ["GPU 7 is in MIG mode and has no slices"]
    return made.join(
        card(
            0,
            "free",
            used=31 * GIB,
            readings={
                "utilization": 97,
                "temperature": 65,
                "power": 301_500,
                "power_limit": 700_000,
            },
        ),
        card(
            1,
            "foreign",
            reason="used by process 4711 (python) of eve with 20 GiB",
            used=20 * GIB,
            foreign=[eve],
        ),
        card(
            2,
            "sick",
            reason="it fell off the bus",
            health={"sick": "it fell off the bus", "cure": "reset", "xid": 79},
        ),
        piece(3, "GPU-77777777-4"),
        piece(4, "GPU-77777777-4"),
    )


def of(desk: Desk, cards: Cards, index: int) -> Locator:
    """The card of a device."""
    host = desk.section(f"Host {cards.name}")
    return host.locator(".card").filter(has=desk.page.locator(".model b", has_text=str(index)))


def test_what_is_seen_of_a_card(desk: Desk, lab: Lab, cards: Cards) -> None:
    """Readings as bars, holders by name, what mends it, slices under their GPU, the driver."""
    desk.sign_in(lab.token("bob"))
    host = desk.section(f"Host {cards.name}")
    busy = of(desk, cards, 0)
    expect(busy).to_contain_text("31 of 80 GiB")
    expect(busy).to_contain_text("97 % busy")
    expect(busy).to_contain_text("65 °C · 302 W")
    expect(host.get_by_role("heading")).to_contain_text(re.compile(r"read (now|\d+ s ago)"))
    for name, value in (("memory in use: 31 of 80 GiB", 31 / 80), ("busy: 97 % busy", 0.97)):
        meter = busy.get_by_role("meter", name=name)
        assert meter.evaluate("m => m.value / m.max") == pytest.approx(value)
    foreign = of(desk, cards, 1)
    expect(foreign.locator(".badge")).to_have_text("foreign")
    expect(foreign.locator(".holder")).to_have_text("eve")
    expect(foreign).to_contain_text("process 4711")
    sick = of(desk, cards, 2)
    expect(sick).to_contain_text("it fell off the bus")
    expect(sick.locator(".mend")).to_contain_text("mlq gpu reset-health")
    expect(host.locator(".slices")).to_contain_text("GPU-77777777 in 2 slices")
    expect(host.locator(".slices .card")).to_have_count(2)
    expect(host).to_contain_text("driver 580.82.07, CUDA 13.0")
    expect(host.locator(".driver")).to_have_text("GPU 7 is in MIG mode and has no slices")
    expect(host.get_by_role("button")).to_have_count(0)  # bob is no admin


def test_memory_that_is_not_known(desk: Desk, lab: Lab, cards: Cards) -> None:
    """A card that fell off the bus says nothing of its memory; a free one has 0 B in use."""
    cards.devices[2] |= {"used": -1}
    cards.devices.append(card(5, "free", used=0))
    cards.report()
    desk.sign_in(lab.token("bob"))
    expect(of(desk, cards, 5).get_by_text("0 B of 80 GiB")).to_be_visible()
    expect(of(desk, cards, 2)).to_contain_text("it fell off the bus")
    expect(of(desk, cards, 2).get_by_text("GiB")).to_be_hidden()
    expect(of(desk, cards, 2).get_by_role("meter")).to_have_count(0)
    expect(desk.page.locator("body")).not_to_contain_text("undefined")  # nor what is hidden


def test_what_is_wrong_with_a_driver_is_told_once(desk: Desk, lab: Lab, cards: Cards) -> None:
    problem = "the driver and its library are of different versions: load the driver anew"
    cards.driver["problem"] = problem
    cards.devices[0] = card(0, "unknown", reason=f"the driver cannot be asked: {problem}", used=-1)
    cards.report()
    desk.sign_in(lab.token("bob"))
    host = desk.section(f"Host {cards.name}")
    expect(host.locator(".driver")).to_contain_text(problem)
    expect(of(desk, cards, 0)).to_contain_text("the driver cannot be asked")
    expect(host.get_by_text(problem)).to_have_count(1)


def test_an_admin_says_that_a_card_is_well(desk: Desk, lab: Lab, cards: Cards) -> None:
    desk.sign_in(lab.admin_token)
    button = desk.page.get_by_role("button", name=f"Reset the health of device 2 of {cards.name}")
    button.click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("new card")
    dialog.get_by_role("button", name="It is well").click()
    expect(dialog).to_be_hidden()
    assert list(cards.orders()["resets"]) == [cards.devices[2]["uuid"]]
    cards.devices[2] = card(2, "free")
    cards.report()
    expect(of(desk, cards, 2).locator(".badge")).to_have_text("free")
    expect(button).to_be_hidden()


def test_an_admin_takes_the_driver_away_and_gives_it_back(
    desk: Desk, lab: Lab, cards: Cards
) -> None:
    desk.sign_in(lab.admin_token)
    host = desk.section(f"Host {cards.name}")
    desk.page.get_by_role("button", name=f"Detach the driver of {cards.name}").click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("new driver")
    dialog.get_by_role("button", name="Detach").click()
    expect(dialog).to_be_hidden()
    expect(of(desk, cards, 0)).to_contain_text("the driver was taken away by admin: new driver")
    assert cards.orders()["detached"] == {"": "admin: new driver"}
    host.get_by_role("button", name=f"Attach the driver of {cards.name}").click()
    dialog.get_by_role("button", name="Attach").click()
    expect(of(desk, cards, 0)).not_to_contain_text("taken away")
    assert "detached" not in cards.orders()


def test_an_admin_tolerates_others(desk: Desk, lab: Lab, cards: Cards) -> None:
    desk.sign_in(lab.admin_token)
    name = f"Tolerate others on device 1 of {cards.name}"
    desk.page.get_by_role("button", name=name).click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_label("Memory").fill("lots")
    dialog.get_by_role("button", name="Tolerate").click()
    expect(dialog.get_by_role("alert")).to_contain_text("want bytes")
    dialog.get_by_label("Memory").fill("500MiB")
    dialog.get_by_role("button", name="Tolerate").click()
    expect(dialog).to_be_hidden()
    assert cards.orders()["tolerate"] == {cards.devices[1]["uuid"]: 500 << 20}
    cards.devices[1] |= {"tolerated": 500 << 20}
    cards.report()
    expect(of(desk, cards, 1)).to_contain_text("others may have 500 MiB")
    desk.page.get_by_role("button", name=name).click()
    dialog.get_by_role("button", name="Tolerate").click()  # empty: the agent's own setting
    until("it is taken back", lambda: "tolerate" not in cards.orders())


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_cards_on_a_phone(browser: Browser, lab: Lab, cards: Cards, theme: str) -> None:
    """Nothing is wider than 375 px, every text has the contrast of WCAG AA."""
    cards.devices[0]["model"] = "NVIDIA-a-very-long-name-without-a-space-" * 3
    cards.report()
    Cards(lab, f"{cards.name}@0").join(card(0, "foreign"))
    context = browser.new_context(viewport={"width": 375, "height": 740}, color_scheme=theme)  # type: ignore[arg-type]
    desk = Desk(context, lab.url).sign_in(lab.admin_token)
    expect(of(desk, cards, 0)).to_contain_text("97 % busy")
    expect(of(desk, cards, 0).locator(".beside")).to_contain_text(f"{cards.name}@0")
    assert desk.page.evaluate("document.documentElement.scrollWidth") <= 375
    assert desk.page.evaluate(CONTRAST) == []
    desk.complain()
    context.close()
