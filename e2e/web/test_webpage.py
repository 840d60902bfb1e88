"""The example of a page on another origin: its backend, `mlq serve` with tokens, and a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest
from lab import REPOSITORY, Lab, Person, free_port, until
from playwright.sync_api import expect
from work import waiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page

EXAMPLE = REPOSITORY / "examples" / "webpage"


class Site(NamedTuple):
    """The page's own server, and the lab behind it."""

    url: str
    lab: Lab
    owner: Person


@pytest.fixture(scope="module")
def lab_for_pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, str, int]]:
    """A lab that lets the pages of one origin read its links."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    lab = Lab(tmp_path_factory.mktemp("pages"), "cpu:1", "--allow-origin", origin)
    try:
        yield lab.start(), origin, port
    finally:
        lab.stop()


@pytest.fixture
def site(
    lab_for_pages: tuple[Lab, str, int], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Site]:
    """The example as its README starts it."""
    lab, origin, port = lab_for_pages
    owner = lab.person("site")
    env = {**os.environ, "MLQ_URL": lab.url, "MLQ_TOKEN": owner.token}
    flags = getattr(request, "param", ())
    log = tmp_path / "backend.log"
    command = [
        sys.executable,
        str(EXAMPLE / "pageserver.py"),
        "--listen",
        f"127.0.0.1:{port}",
        *flags,
    ]
    with log.open("wb") as out:
        backend = subprocess.Popen(command, env=env, stdout=out, stderr=out)
    try:
        until(f"the backend is up: {log}", lambda: "the page is at" in log.read_text())
        yield Site(origin, lab, owner)
    finally:
        backend.terminate()
        backend.wait(10)
        owner.leave()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A window that fails its test where the page breaks its own rules."""
    made = context.new_page()
    complaints: list[str] = []
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on(
        "console",
        lambda m: complaints.append(m.text) if "Content Security Policy" in m.text else None,
    )
    yield made
    assert complaints == []


def order(page: Page, site: Site, words: str) -> None:
    """Ask for a picture as a person does."""
    page.goto(site.url)
    page.get_by_label("Words").fill(words)
    page.get_by_role("button", name="Draw").click()


def test_a_picture_from_the_wish_to_the_image(
    page: Page, site: Site, gate: Path, tmp_path: Path
) -> None:
    """The place in the queue, how far it is, the picture; and the token is nowhere."""
    seen: list[str] = []
    page.on("request", lambda asked: seen.append(f"{asked.url} {asked.headers}"))
    page.on("requestfinished", lambda asked: seen.append(str(asked.post_data)))
    ahead = [site.owner.client.submit(waiting(gate)) for _ in range(2)]
    order(page, site, "three waves at night")
    expect(page.get_by_role("status")).to_have_text("Waiting, 1 ahead in the queue.")
    bars: list[float] = []
    page.expose_function("drawn", lambda value: bars.append(value))
    page.evaluate(
        """new MutationObserver(() => { const bar = document.getElementById("bar"); if (!bar.hidden) drawn(bar.value); })
             .observe(document.getElementById("bar"), { attributes: true })"""
    )
    gate.touch()
    expect(page.get_by_role("status")).to_have_text("Here it is.")
    picture = page.get_by_role("img", name="a picture of: three waves at night")
    size = picture.evaluate("i => [i.naturalWidth, i.naturalHeight]")
    assert size == [960, 640]
    assert str(picture.get_attribute("src")).startswith(site.lab.url)
    assert any(0 < bar < 1 for bar in bars), bars
    assert all(job.done() for job in ahead)
    told = " ".join([*seen, page.content(), page.evaluate("JSON.stringify({...localStorage})")])
    assert "mlq_user" in site.owner.token
    assert "mlq_user" not in told
    assert "uthorization" not in told
    page.screenshot(path=tmp_path / "webpage.png")


def test_errors_are_words(page: Page, site: Site, gate: Path) -> None:
    """A job that raises; one that is cancelled; a wish that the backend refuses."""
    order(page, site, " ")
    expect(page.get_by_role("status")).to_have_text(
        "It could not be drawn. error: ValueError: there are no words to draw"
    )
    blocking = site.owner.client.submit(waiting(gate))
    order(page, site, "never to be seen")
    expect(page.get_by_role("status")).to_have_text(re.compile("queue"))
    site.owner.client.job(blocking.id + 1).cancel()
    expect(page.get_by_role("status")).to_have_text(
        f"It is not drawn: cancelled by {site.owner.name}."
    )
    page.evaluate("document.getElementById('words').removeAttribute('maxlength')")
    page.get_by_label("Words").fill("x" * 201)
    page.get_by_role("button", name="Draw").click()
    expect(page.get_by_role("status")).to_have_text(
        "Say in words what to draw, in at most 200 characters."
    )
    gate.touch()


@pytest.mark.parametrize("site", [("--links", "1s")], indirect=True)
def test_a_link_that_is_too_old(page: Page, site: Site, gate: Path) -> None:
    """The stream ends with its link, and the page says why."""
    site.owner.client.submit(waiting(gate))
    order(page, site, "too late")
    expect(page.get_by_role("status")).to_have_text(
        "The link has expired: ask whoever sent it for a new one."
    )
    gate.touch()


def test_a_link_that_was_changed(page: Page, site: Site, gate: Path) -> None:
    """What a page is told that changes a letter of it."""
    page.route(
        "**/pictures",
        lambda route: route.fulfill(json=changed(route.fetch().json()), status=201),
    )
    site.owner.client.submit(waiting(gate))
    order(page, site, "another's")
    expect(page.get_by_role("status")).to_have_text(
        re.compile("^The link is not valid: it was altered")
    )
    gate.touch()


def changed(links: dict[str, str]) -> dict[str, str]:
    """The links, with the next job's number."""
    return {
        name: re.sub(r"/jobs/(\d+)/", lambda m: f"/jobs/{int(m[1]) + 1}/", str(link))
        for name, link in links.items()
    }
