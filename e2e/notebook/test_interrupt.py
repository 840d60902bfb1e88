"""The stop button ends the waiting at once, at whatever the client waits."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab import until
from scripted import Reply, Request, Scripted, as_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel import Cell, Kernel

SOON = 0.5  # seconds
DETAILS = as_json({"id": 53, "state": "running", "name": "train"})
TEXT = {"Content-Type": "text/plain"}


def events(*facts: dict[str, object]) -> Reply:
    """A stream that ends after these."""
    text = "".join(f"event: state\ndata: {json.dumps(fact)}\n\n" for fact in facts)
    return Reply(200, {"Content-Type": "text/event-stream"}, text.encode())


UPDATE: dict[str, object] = {"kind": "update", "state": "running", "attempt": 1, "log_bytes": 7}
ENDED: dict[str, object] = {"kind": "succeeded", "state": "succeeded"}


# What the line of the job says, by what the server did not answer.
UNHEARD = "nothing was heard of it yet; mlq.job(53).result() asks again"
GOES_ON = "goes on; mlq.job(53).result()"
SAID = {"": UNHEARD, "/events": GOES_ON, "/logs": GOES_ON, "/result": "its result was not fetched"}


class Stuck:
    """A server that answers until one request, which it never answers."""

    def __init__(self, scripted: Scripted) -> None:
        self.server = scripted
        self.reached, self.over = threading.Event(), threading.Event()

    def never(self, _: Request) -> Reply:
        """Answer nothing as long as the test runs."""
        self.reached.set()
        self.over.wait(60)
        return Reply(raw=b"")


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    """A server that gets stuck where a test says so."""
    with Scripted().running() as server:
        made = Stuck(server)
        server.on("GET /jobs/53", DETAILS)
        server.on("GET /jobs/53/logs", Reply(200, TEXT, b"a line\n"))
        server.on("GET /jobs/53/events", events(UPDATE, ENDED))
        try:
            yield made
        finally:
            made.over.set()


def waits(kernel: Kernel, what: str) -> Cell:
    """A cell that waits, and notes when it does no more."""
    return kernel.start(f"try: {what}\nexcept KeyboardInterrupt: stopped = time.monotonic(); raise")


def interrupted(kernel: Kernel, cell: Cell) -> float:
    """Press stop; seconds until the cell waits no more, by the one clock of this machine."""
    began = time.monotonic()
    kernel.interrupt()
    cell.done()
    assert cell.error == "KeyboardInterrupt", cell
    return float(kernel.value("stopped")) - began


@pytest.mark.parametrize("at", ["", "/events", "/logs", "/result"])
def test_while_the_server_does_not_answer(kernel: Kernel, stuck: Stuck, at: str) -> None:
    stuck.server.on(f"GET /jobs/53{at}", stuck.never)
    cell = waits(kernel, f"mlq.Client({stuck.server.url!r}).job(53).result()")
    cell.until("the request", stuck.reached.is_set)
    assert interrupted(kernel, cell) < SOON
    frames = "\n".join(cell.of("error")[0].content["traceback"])
    assert not re.search(r"urllib3|_show\.py|_http\.py", frames), frames
    assert SAID[at] in cell.messages[-2].text, cell
    assert cell.stdout == ("a line\n" if at == "/result" else "")


def test_while_run_submits(kernel: Kernel, stuck: Stuck) -> None:
    """The job that is queued by then is cancelled when the server answers."""

    def later(request: Request) -> Reply:
        stuck.never(request)
        return as_json(53, 201)

    stuck.server.on("POST /jobs", later)
    stuck.server.on("DELETE /jobs/53", as_json({"id": 53, "state": "cancelled"}))
    cell = waits(kernel, f"mlq.Client({stuck.server.url!r}).run(len, 'x')")
    cell.until("the request", stuck.reached.is_set)
    assert interrupted(kernel, cell) < SOON
    said = "".join(message.text for message in cell.of("stream"))
    assert said == "mlq len: this interrupt cancels its job as soon as the server answers\n"
    stuck.over.set()
    until("the cancel", lambda: bool(stuck.server.asked("DELETE /jobs/53")))


def syns(port: int) -> int:
    """How many connections to this port are being opened that nobody takes."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "02" for row in rows)


def test_while_it_connects(kernel: Kernel) -> None:
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        for _ in range(4):  # a full backlog takes no more
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(("127.0.0.1", port))
        before = syns(port)
        cell = waits(kernel, f"mlq.Client('http://127.0.0.1:{port}').job(53).result()")
        cell.until("the kernel's SYN", lambda: syns(port) > before)
        assert interrupted(kernel, cell) < SOON
        assert UNHEARD in cell.messages[-2].text


def test_in_the_middle_of_an_upload(kernel: Kernel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        cell = waits(kernel, f"mlq.Client('http://127.0.0.1:{port}').submit(len, bytes(64 << 20))")
        listener.settimeout(30)
        with listener.accept()[0] as taken:
            assert taken.recv(1 << 10).startswith(b"POST /blobs ")
            assert interrupted(kernel, cell) < SOON
