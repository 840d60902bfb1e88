from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from chromium import chromium
from desk import Desk
from lab import Lab, Person, binary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MLQ_") and name != "MLQ_BIN"]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with chromium() as made:
        yield made


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One server with two simulated devices for all tests."""
    if not binary().exists():
        pytest.fail("no mlq binary: `make build` makes it, MLQ_BIN names another")
    made = Lab(tmp_path_factory.mktemp("lab"))
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def ana(lab: Lab) -> Iterator[Person]:
    """A new user, whose jobs end with the test."""
    person = lab.person("ana")
    yield person
    person.leave()


@pytest.fixture
def bob(lab: Lab) -> Iterator[Person]:
    """Another one."""
    person = lab.person("bob")
    yield person
    person.leave()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser: no token, no storage."""
    made = browser.new_context(locale="en-GB", timezone_id="Europe/Berlin")
    yield made
    made.close()


@pytest.fixture
def desk(context: BrowserContext, lab: Lab) -> Iterator[Desk]:
    """A browser window that fails its test where the page breaks its own rules."""
    made = Desk(context, lab.url)
    yield made
    made.complain()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Jobs that wait for this file go on when it is there."""
    return tmp_path / "gate"
