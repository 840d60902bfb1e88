"""A window on the page, as a person has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

expect.set_options(timeout=15_000)  # ms; this machine may have much to do


class Desk:
    """Opens the page and signs in. Notes what the browser complains about."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self._alerted)

    def sign_in(self, token: str, view: str = "") -> Desk:
        """Go to a view and give the token."""
        self.page.goto(f"{self.url}/#/{view}")
        self.page.get_by_label("Token").fill(token)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()
        return self

    def go(self, view: str) -> Desk:
        """Go to another view without loading the page again."""
        self.page.evaluate("view => { location.hash = `#/${view}`; }", view)
        return self

    def section(self, name: str) -> Locator:
        """A part of the page by its name."""
        return self.page.get_by_role("region", name=name, exact=True)

    def complain(self) -> None:
        """Fail with what was heard: a breach of the CSP, an exception, a script that ran."""
        assert self.complaints == []

    def _heard(self, message: ConsoleMessage) -> None:
        # A status that is no success is logged by the browser; the page handles it.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _alerted(self, dialog: object) -> None:
        self.complaints.append(f"a dialog opened: {dialog}")
