from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from lab import Lab, until
from playwright.sync_api import expect
from work import drawing, returning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab import Person
    from playwright.sync_api import Browser

SCRIPT = (
    "<title>quiet</title><p>shown</p><script>document.title = 'it ran'; fetch('/jobs')</script>"
)


def test_a_link_opens_without_a_token(browser: Browser, lab: Lab, ana: Person) -> None:
    """In a browser that knows nothing; and what it shows can run nothing."""
    job = ana.client.submit(returning(SCRIPT))
    until("it has ended", job.done)
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    link = job.link("result.html")
    page.goto(link)
    expect(page.locator("p")).to_have_text("shown")
    assert page.title() == "quiet"
    assert page.evaluate("window.origin") == "null"
    assert [url for url in asked if not url.startswith(link)] == []
    for other in (
        link.replace("result.html", "result.txt"),
        link[:-1],
        lab.url + f"/jobs/{job.id}/result",
    ):
        answer = page.goto(other)
        assert answer is not None
        assert answer.status in (401, 403)
    context.close()


@contextlib.contextmanager
def elsewhere() -> Iterator[tuple[str, list[bytes]]]:
    """A web server of another origin, and the list of its one page's text."""
    body = [b""]

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body[0])

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}", body
        server.shutdown()


def embedding(image: str, events: str) -> bytes:
    """A page that shows an image, reads it with a header of its own, and follows events."""
    return f"""<!doctype html><img id="plot" src="{image}"><p id="read"></p><p id="heard">heard</p><script>
        const say = (id, text) => {{ document.getElementById(id).textContent = text; }};
        fetch("{image}", {{ headers: {{ Range: "bytes=0-99", "If-None-Match": "x" }} }})
            .then(() => say("read", "read"), () => say("read", "refused"));
        const source = new EventSource("{events}");
        source.addEventListener("state", (e) => say("heard", JSON.parse(e.data).kind));
        source.onerror = () => {{ source.close(); document.getElementById("heard").append(" and no more"); }};
    </script>""".encode()


def test_a_page_elsewhere_shows_an_image_and_reads_nothing(browser: Browser, ana: Person) -> None:
    job = ana.client.submit(drawing({}))
    until("it has ended", job.done)
    context = browser.new_context()
    page = context.new_page()
    with elsewhere() as (origin, body):
        body[0] = embedding(job.link("result.png"), job.link("events"))
        page.goto(origin)
        drawn = page.locator("#plot")
        until("the image is drawn", lambda: drawn.evaluate("i => i.naturalWidth") == 2)
        expect(page.locator("#read")).to_have_text("refused")
        expect(page.locator("#heard")).to_have_text("heard and no more")
    context.close()


def test_a_page_of_an_allowed_origin_reads(browser: Browser, tmp_path: Path) -> None:
    """A result, with a preflight, and events."""
    context = browser.new_context()
    page = context.new_page()
    with elsewhere() as (origin, body):
        lab = Lab(tmp_path, "sim:1", "--allow-origin", origin).start()
        try:
            job = lab.person("ana").client.submit(drawing({}))
            body[0] = embedding(job.link("result.png"), job.link("events"))
            until("it has ended", job.done)
            page.goto(origin)
            expect(page.locator("#read")).to_have_text("read")
            expect(page.locator("#heard")).to_have_text("succeeded and no more")
        finally:
            lab.stop()
    context.close()
