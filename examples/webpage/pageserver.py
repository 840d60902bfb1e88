"""The backend of a page on an origin of its own: it has the token, and the browser gets links.

Run with MLQ_URL and MLQ_TOKEN, as the README says.
"""

from __future__ import annotations

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mlq
from picture import draw

PAGE = Path(__file__).with_name("page")
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
MAX_BODY = 4096  # bytes of a wish
MAX_WORDS = 200  # characters


class Refused(Exception):
    """A wish that is not carried out: a status, and why in words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Backend(ThreadingHTTPServer):
    """Serves the page, and makes a job and two links of each wish."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], client: mlq.Client, ttl: str, shown: str) -> None:
        super().__init__(address, Handler)
        self.client, self.ttl, self.shown = client, ttl, shown

    def submit(self, words: str) -> dict[str, Any]:
        """Queue the picture. The links are good before there is anything behind them."""
        job = self.client.submit(draw, words, name="picture", timeout="10m", result_ttl="7d")
        return {
            "job": job.id,
            "events": job.link("events", ttl=self.ttl),
            "picture": job.link("result.png", ttl=self.ttl),
        }


class Handler(BaseHTTPRequestHandler):
    """One request of a browser."""

    server: Backend

    def do_GET(self) -> None:
        """Answer the page and its two files."""
        name, media = FILES.get(self.path, ("", ""))
        if name:
            self._answer(200, (PAGE / name).read_bytes(), media)
        else:
            self._json(404, {"error": "There is no such page."})

    def do_POST(self) -> None:
        """Answer a wish with its job and the links to it."""
        try:
            self._json(201, self.server.submit(self._words()))
        except Refused as refused:
            self._json(refused.status, {"error": str(refused)})
        except (mlq.MlqError, ValueError) as error:
            # What MLQ says is for who runs this; it may name hosts and users.
            self.log_error("no job: %s", error)
            self._json(502, {"error": "Pictures cannot be ordered now. Try again in a minute."})

    def _words(self) -> str:
        """What is to be drawn, from a body as {"words": "…"} that only this page can send."""
        if self.path != "/pictures":
            raise Refused(404, "There is no such page.")
        if self.headers.get("Content-Type") != "application/json":
            raise Refused(415, "Send JSON.")  # which no form of another page can
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal() or int(size) > MAX_BODY:
            raise Refused(413, "That is too long.")
        try:
            words = json.loads(self.rfile.read(int(size)))["words"]
        except (ValueError, TypeError, KeyError, RecursionError):
            words = None
        if not isinstance(words, str) or len(words) > MAX_WORDS:
            raise Refused(400, f"Say in words what to draw, in at most {MAX_WORDS} characters.")
        return words

    def _json(self, status: int, value: object) -> None:
        self._answer(status, json.dumps(value).encode(), "application/json")

    def _answer(self, status: int, body: bytes, media: str) -> None:
        mlq_origin = self.server.shown
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; "
            f"connect-src 'self' {mlq_origin}; img-src {mlq_origin}"
        )
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)


def origin(url: str) -> str:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def main() -> None:
    """Serve until somebody ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:8000", help="address and port")
    parser.add_argument("--links", default="24h", help="how long links are good, at most 24h")
    parser.add_argument("--public-url", help="of MLQ, where browsers reach it by another one")
    args = parser.parse_args()
    host, _, port = args.listen.rpartition(":")
    client = mlq.Client()
    shown = origin(args.public_url or client.url)
    with Backend((host, int(port)), client, args.links, shown) as backend:
        print(f"the page is at http://{host}:{backend.server_address[1]}", flush=True)
        try:
            backend.serve_forever()
        except KeyboardInterrupt:
            client.close()


if __name__ == "__main__":
    main()
