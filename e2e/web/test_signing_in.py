from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from desk import Desk
    from lab import Lab, Person


def test_a_wrong_token_is_told_and_a_right_one_opens(desk: Desk, ana: Person) -> None:
    page = desk.page
    page.goto(desk.url)
    expect(page.get_by_label("Token")).to_be_focused()
    for wrong in (ana.token[:-1] + ("x" if ana.token[-1] != "x" else "y"), "not a token", "ü"):
        page.get_by_label("Token").fill(wrong)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#sign-in-error")).not_to_be_empty()
        expect(page.locator("#top")).to_be_hidden()
    page.get_by_label("Token").fill(ana.token)
    page.keyboard.press("Enter")
    expect(page.locator("#who")).to_have_text(ana.name)
    assert ana.token not in page.url
    assert page.evaluate("document.cookie + JSON.stringify(localStorage)") == "{}"
    page.reload()  # the tab remembers
    expect(page.locator("#who")).to_have_text(ana.name)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    page.reload()
    expect(page.get_by_label("Token")).to_be_visible()


def test_a_revoked_token_ends_the_visit(desk: Desk, lab: Lab, ana: Person) -> None:
    second = lab.token(ana.name)
    desk.sign_in(second)
    lab.revoke(second)
    expect(desk.page.locator("#sign-in-error")).to_contain_text("revoked")
    expect(desk.page.locator("#main")).to_be_hidden()
