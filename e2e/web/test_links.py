from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from lab import until
from playwright.sync_api import expect
from work import drawing, returning

if TYPE_CHECKING:
    from lab import Lab, Person
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


def test_a_page_elsewhere_shows_an_image_and_reads_nothing(browser: Browser, ana: Person) -> None:
    job = ana.client.submit(drawing({}))
    until("it has ended", job.done)
    link = job.link("result.png")
    body = f"""<!doctype html><img id="plot" src="{link}"><p id="read">…</p><script>
        fetch("{link}").then(() => "read", () => "refused").then((t) => {{ read.textContent = t; }});
    </script>""".encode()

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://localhost:{server.server_address[1]}/")
        until(
            "the image is drawn", lambda: page.locator("#plot").evaluate("i => i.naturalWidth") == 2
        )
        expect(page.locator("#read")).to_have_text("refused")  # mlq serve without --allow-origin
        context.close()
        server.shutdown()
