"""Large calls on their way: whole, told, at the pace of the other end, again after a break."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

import mlq
from mlq import _http, _upload
from mlq._upload import Upload
from scripted import DROP, as_json, problem, stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripted import Request, Scripted

MIB = 1 << 20


def test_pieces() -> None:
    data = bytes(range(256)) * 10_000
    upload = Upload([b"head", bytearray(data), memoryview(b""), memoryview(data).cast("H")], "f")
    for _ in range(2):  # a second try is as whole as the first
        assert b"".join(upload) == b"head" + data + data
    assert upload.furthest == upload.size == 4 + 2 * len(data)
    assert all(len(piece) <= MIB for piece in upload)


def test_a_broken_one_is_sent_again(client: mlq.Client, scripted: Scripted) -> None:
    seen: list[bytes] = []

    def put(request: Request) -> Any:
        seen.append(request.body)
        assert (request.method, request.path) == ("POST", "/blobs")
        return DROP if len(seen) < 3 else stored(request)

    scripted.otherwise = put
    scripted.on("POST /jobs", as_json(7, 201))
    assert client.submit(len, bytearray(5 * MIB)).id == 7
    assert len(seen) == 3
    assert len({len(body) for body in seen}) == 1


def flipped(request: Request) -> Any:
    """A server that has got another byte in the middle of it."""
    body = bytearray(request.body)
    body[len(body) // 2] ^= 1
    return stored(request._replace(body=bytes(body)))


def test_a_flipped_byte_is_found_and_sent_again(client: mlq.Client, scripted: Scripted) -> None:
    body = bytearray(5 * MIB)
    scripted.on("POST /blobs", flipped, stored)
    scripted.on("POST /jobs", as_json(7, 201))
    assert client.submit(len, body).id == 7
    first, second = scripted.asked("POST /blobs")
    assert first.body == second.body
    (job,) = scripted.asked("POST /jobs")
    assert json.loads(job.body)["call"]["sha256"] == hashlib.sha256(second.body).hexdigest()


@pytest.mark.parametrize("answer", [flipped, as_json({}, 201), as_json(7, 201)])
def test_one_that_always_arrives_damaged(
    client: mlq.Client, scripted: Scripted, answer: Any
) -> None:
    scripted.on("POST /blobs", answer)
    with pytest.raises(mlq.MlqError, match="other bytes than were sent"):
        client.submit(len, bytearray(5 * MIB))
    assert not scripted.asked("POST /jobs"), "a job of it would have the wrong argument"
    assert len(scripted.asked("POST /blobs")) == 2


@pytest.mark.parametrize(
    "refusal", [problem("not-found", 404), problem("method-not-allowed", 405)], ids=["404", "405"]
)
def test_an_older_server_is_told_the_hash_beforehand(
    client: mlq.Client, scripted: Scripted, refusal: Any
) -> None:
    seen: list[Request] = []

    def put(request: Request) -> Any:
        seen.append(request)
        return stored(request)

    scripted.on("POST /blobs", refusal)
    scripted.on("POST /jobs", as_json(7, 201))
    scripted.otherwise = put
    assert client.submit(len, bytearray(5 * MIB)).id == 7
    (blob,) = seen
    sha256 = hashlib.sha256(blob.body).hexdigest()
    assert (blob.method, blob.path) == ("PUT", f"/blobs/{sha256}")
    (job,) = scripted.asked("POST /jobs")
    assert json.loads(job.body)["call"]["sha256"] == sha256


@contextlib.contextmanager
def slow_reader(total: int) -> Iterator[str]:
    """A server that takes a body at its own pace, and answers then."""
    pace = threading.Event()  # never set: a clock
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # As little as the kernel gives, so that the sender feels the pace.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as lines:
                while (line := lines.readline().strip()) != b"":
                    if line.lower().startswith(b"content-length"):
                        left = int(line.split()[1])
                while left:
                    left -= len(lines.read(min(left, total // 20)))
                    pace.wait(0.05)
                connection.sendall(b"HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_a_server_that_takes_it_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second for all, a fifth of one to connect: a time for the whole would be over."""
    monkeypatch.setattr(_http, "CONNECT_TIMEOUT", 0.2)
    monkeypatch.setattr(_http, "READ_TIMEOUT", 0.6)
    body = bytearray(20 * MIB)
    with slow_reader(len(body)) as url, mlq.Client(url) as client:
        answer = client._transport.request("PUT", "/blobs/x", body=Upload([body], "f"), patience=0)
    assert answer.status == 201


def test_a_script_is_told(
    client: mlq.Client,
    scripted: Scripted,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("mlq._transfer._FIRST", 0.0)
    monkeypatch.setattr("mlq._transfer._EVERY", 0.0)
    monkeypatch.setattr(_upload, "_LINE_AFTER", 0.0)
    scripted.otherwise = stored
    scripted.on("POST /jobs", as_json(7, 201))
    client.submit(len, bytearray(10 * MIB), name="train")
    lines = capsys.readouterr().err.splitlines()
    assert any(s.startswith("mlq train: sending its arguments: 10 % of 10 MB, ") for s in lines)
    client_of_a_thread = threading.Thread(target=client.submit, args=(len, bytearray(3 * MIB)))
    client_of_a_thread.start()
    client_of_a_thread.join()
    assert capsys.readouterr().err == "", "nobody reads along there"


class Shell:
    """What a kernel publishes."""

    kernel = object()

    def __init__(self) -> None:
        self.display_pub = self
        self.published: list[tuple[str, str, bool]] = []

    def publish(self, data: Any, metadata: Any, transient: Any, update: bool) -> None:
        self.published.append((transient["display_id"], data["text/plain"], update))


def test_a_notebook_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell()
    monkeypatch.setattr("mlq._display.notebook", lambda: shell)
    monkeypatch.setattr("mlq._transfer._FIRST", 0.0)
    monkeypatch.setattr("mlq._transfer._EVERY", 0.0)
    upload = Upload([bytearray(3 * MIB)], "train\nmodel")
    assert sum(map(len, upload)) == 3 * MIB
    upload.done()
    ids, texts, updates = zip(*shell.published)
    assert len(set(ids)) == 1
    assert list(updates) == [False, True, True, True]
    assert texts[0].startswith("mlq train model: sending its arguments: 33 % of 3.1 MB")
    assert texts[-1] == "mlq train model: 3.1 MB of arguments sent"
    Upload([b"x"], "small").done()
    assert len(shell.published) == 4, "what takes no time is not told"
