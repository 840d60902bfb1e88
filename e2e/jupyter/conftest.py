from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import mlq
import pytest
from chromium import chromium
from lab import Lab, binary
from server import Jupyter
from work import empty

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_user() -> None:
    for name in [name for name in os.environ if name.startswith("MLQ_") and name != "MLQ_BIN"]:
        if name != "MLQ_CHROMIUM":
            del os.environ[name]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with chromium() as made:
        yield made


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One MLQ server with two simulated devices."""
    if not binary().exists():
        pytest.fail("no mlq binary: `make build` makes it, MLQ_BIN names another")
    made = Lab(tmp_path_factory.mktemp("lab"), "sim:2xH100", dev=True)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="session")
def jupyter(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """One Jupyter server for all front ends."""
    made = Jupyter(tmp_path_factory.mktemp("jupyter"), MLQ_URL=lab.url)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="module")
def page(browser: Browser, jupyter: Jupyter) -> Iterator[Page]:
    """A fresh browser's tab. It speaks with the Jupyter server, and with nobody else."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, locale="en-GB")
    asked: set[str] = set()
    context.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    yield context.new_page()
    context.close()
    assert asked - {""} == {urlsplit(jupyter.url).netloc}  # data: and blob: have no host


@pytest.fixture(scope="session")
def client(lab: Lab) -> Iterator[mlq.Client]:
    """A client beside the notebooks."""
    with mlq.Client(lab.url) as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_is_left(lab: Lab) -> Iterator[None]:
    """A test that fails in the middle leaves no job, and no cell that waits for it."""
    yield
    empty(lab)
