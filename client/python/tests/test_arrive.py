"""Large results: into memory of their own, on from where they broke off, told while they come."""

from __future__ import annotations

import gc
import hashlib
import mmap
import os
import pickle
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import envelopes
import mlq
from mlq import _arrive, _memory, _straight, _transfer
from mlq._envelope import MEDIA_TYPE, pack
from mlq._transfer import Meter, Transfer
from scripted import DROP, Reply, as_json, problem

if TYPE_CHECKING:
    from pathlib import Path

    from mlq._envelope import Buffer
    from scripted import Request, Scripted

MIB = 1 << 20


def two_buffers(size: int = 3 * MIB) -> bytes:
    """The envelope of a result that is a list of two buffers."""
    buffers: list[Buffer] = []
    value = [pickle.PickleBuffer(bytearray(os.urandom(size))) for _ in range(2)]
    data = pickle.dumps(value, protocol=5, buffer_callback=lambda b: buffers.append(b.raw()))
    frames = [("view", b"null"), ("pickle", data), ("b0", buffers[0]), ("b1", buffers[1])]
    header = {"kind": "result", "value": "pickle", "python": envelopes.PYTHON}
    return b"".join(pack(header, frames))


def ranged(body: bytes, request: Request, cut: int | None = None) -> Reply:
    """What the server does: all of it, or the rest that was asked for; cut after so many bytes."""
    tag = f'"{hashlib.sha256(body).hexdigest()}"'
    if request.headers.get("If-Match", tag) != tag:
        return problem("precondition-failed", 412)
    start = int(request.headers.get("Range", "bytes=0-")[6:-1])
    lines = [f"HTTP/1.1 {206 if start else 200} OK", f"Content-Type: {MEDIA_TYPE}", f"ETag: {tag}"]
    lines.append(f"Content-Length: {len(body) - start}")
    if start:
        lines.append(f"Content-Range: bytes {start}-{len(body) - 1}/{len(body)}")
    head = "\r\n".join([*lines, "", ""]).encode()
    return Reply(raw=head + body[start:][:cut])


def result(scripted: Scripted, *replies: Any, **options: Any) -> Any:
    scripted.on("GET /jobs/53/result", *replies)
    with mlq.Client(scripted.url, "t", **options) as client:
        return client.job(53).result(timeout=30, stream=False)


def test_a_broken_one_goes_on_where_it_was(scripted: Scripted) -> None:
    body = two_buffers()
    _one, two = result(
        scripted,
        lambda r: ranged(body, r, 1000),
        lambda r: ranged(body, r, 4 * MIB),
        DROP,
        lambda r: ranged(body, r),
    )
    assert bytes(two) == body[-len(two) :]
    starts = [r.headers.get("Range") for r in scripted.asked("GET /jobs/53/result")]
    assert starts[0] is None
    assert starts[2] == starts[3]
    at = [int(str(start)[6:-1]) for start in starts[1:]]
    assert 0 < at[0] <= 1000 < at[1] < len(body)


@pytest.mark.parametrize("read", [_straight.reader, _straight._copying])
def test_the_connection_is_used_again(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, read: Any
) -> None:
    monkeypatch.setattr(_arrive, "reader", read)
    body = two_buffers()
    headers = {"Content-Type": MEDIA_TYPE, "ETag": f'"{hashlib.sha256(body).hexdigest()}"'}
    for job in (53, 54):
        scripted.on(f"GET /jobs/{job}/result", Reply(200, headers, body))
    with mlq.Client(scripted.url, "t") as client:
        for job in (53, 54):
            _, two = client.job(job).result(timeout=30, stream=False)
            assert bytes(two) == body[-len(two) :]
        pool: Any = client._transport._connections().connection_from_url(scripted.url)
        assert pool.num_connections == 1


def test_a_server_that_starts_over_is_followed(scripted: Scripted) -> None:
    body = two_buffers()

    def whole(request: Request) -> Reply:
        del request.headers["Range"]
        return ranged(body, request)

    one, _two = result(scripted, lambda r: ranged(body, r, 4 * MIB), whole)
    assert len(one) == 3 * MIB


def test_another_result_since_then(scripted: Scripted) -> None:
    """The job ran again: what is there is not mixed with what comes."""
    old, new = two_buffers(), two_buffers(2 * MIB)
    one, _ = result(scripted, lambda r: ranged(old, r, 4 * MIB), lambda r: ranged(new, r))
    assert len(one) == 2 * MIB
    assert len(scripted.asked("GET /jobs/53/result")) == 3


def test_another_part_than_was_asked_for(scripted: Scripted) -> None:
    body = two_buffers()

    def wrong(request: Request) -> Reply:
        raw = ranged(body, request).raw or b""
        return Reply(raw=raw.replace(b"Content-Range: bytes ", b"Content-Range: bytes 1"))

    with pytest.raises(mlq.MlqError, match="another part of the result"):
        result(scripted, lambda r: ranged(body, r, 4 * MIB), wrong)


def test_a_part_that_is_damaged(scripted: Scripted) -> None:
    """Headers and sizes are right, and the rest is of other bytes."""
    body = two_buffers()
    other = body[: 5 * MIB] + bytes(len(body) - 5 * MIB)

    def rest(request: Request) -> Reply:
        reply = ranged(body, request, 0)
        start = int(request.headers["Range"][6:-1])
        return Reply(raw=(reply.raw or b"") + other[start:])

    with pytest.raises(mlq.MlqError, match="SHA-256"):
        result(scripted, lambda r: ranged(body, r, 4 * MIB), rest)


def test_patience_begins_anew_with_each_step_forward(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that breaks every second gets a result of an hour; one that gives nothing does not."""
    monkeypatch.setattr("mlq._ending.LONG_PATIENCE", 0.2)
    body = two_buffers()
    steps = [lambda r, n=n: ranged(body, r, MIB) for n in range(8)]
    assert len(result(scripted, *steps, lambda r: ranged(body, r))) == 2
    with pytest.raises(mlq.Unavailable):
        result(scripted, lambda r: ranged(body, r, MIB), DROP)


def test_each_large_frame_can_be_given_back_alone(scripted: Scripted) -> None:
    body = two_buffers()
    one, two = result(scripted, lambda r: ranged(body, r))
    assert not one.readonly
    assert isinstance(one.obj, mmap.mmap)
    assert one.obj is not two.obj
    mapping = one.obj
    del one
    gc.collect()
    mapping.close()  # BufferError where anything still looks at it
    two[0] = 7


def test_without_memory_for_it(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_arrive, "available", lambda: 1 << 30)
    huge = {"Content-Type": MEDIA_TYPE, "Content-Length": str(3_200_000_000)}
    with pytest.raises(mlq.TooLarge, match=r"3\.2 GB.*1\.1 GB of memory.*download.*max_result"):
        result(scripted, Reply(200, huge))
    with pytest.raises(mlq.TooLarge, match="this client takes 1000"):
        result(scripted, Reply(200, huge), max_result=1000)


def test_what_a_server_sends_anew_has_the_room_of_the_first_try(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, alive = two_buffers(40 * MIB), []

    class Room(bytearray):
        """Memory that can be watched."""

    def room(size: int) -> memoryview:
        taken = Room(size)
        alive.append(weakref.ref(taken))
        return memoryview(taken)

    def available() -> int:
        return (1 << 30) - sum(r() is not None for r in alive) * (1 << 30)

    monkeypatch.setattr(_arrive, "room", room)
    monkeypatch.setattr(_arrive, "available", available)
    found = result(
        scripted,
        lambda r: ranged(body, r, cut=50 * MIB),
        lambda r: ranged(body, r._replace(headers={})),
    )
    assert len(found) == 2


def test_a_lie_about_the_size_takes_no_memory(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header says 8 GiB, the answer is small: nothing is set aside for it."""
    monkeypatch.setattr(_arrive, "room", lambda size: pytest.fail(f"{size} bytes were taken"))
    text = b'{"kind":"result","frames":[["view",8589934592]]}'
    body = b"MLQ1" + len(text).to_bytes(4, "little") + text + bytes(100)
    with pytest.raises(mlq.MlqError, match="truncated"):
        result(scripted, lambda r: ranged(body, r))


def test_available_memory(tmp_path: Path) -> None:
    machine = _memory.available()
    assert machine is not None
    assert 1 << 20 < machine < 1 << 50
    own = tmp_path / "own"
    own.write_text("0::/lab/ana\n")
    lab, ana = tmp_path / "lab", tmp_path / "lab" / "ana"
    ana.mkdir(parents=True)
    for folder, most, now in ((lab, "5000", "2000"), (ana, "max", "100")):
        (folder / "memory.max").write_text(most + "\n")
        (folder / "memory.current").write_text(now + "\n")
    assert _memory._of_group(str(tmp_path), str(own)) == 3000
    (lab / "memory.stat").write_text("anon 9\ninactive_file 700\nactive_file 50\nslab 1\n")
    assert _memory._of_group(str(tmp_path), str(own)) == 3750, "files kept in memory can go"
    (lab / "memory.max").write_text("max\n")
    assert _memory._of_group(str(tmp_path), str(own)) is None
    assert _memory._of_group(str(tmp_path), str(tmp_path / "none")) is None


def test_room() -> None:
    for size in (0, 1, 70_000, 20 * MIB):
        memory = _memory.room(size)
        assert len(memory) == size
        memory[:] = bytes(size)
    assert isinstance(_memory.room(70_000).obj, mmap.mmap)
    assert isinstance(_memory.room(100).obj, bytearray)


def test_no_more_mappings(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any, **__: Any) -> Any:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("mlq._memory.mmap.mmap", none)
    assert len(_memory.room(70_000)) == 70_000


def test_words() -> None:
    assert str(Transfer(1_260_000_000, 3_000_000_000, 0.0, 6.0)) == (
        "42 % of 3.0 GB, 210 MB/s, about 8 s left"
    )
    assert str(Transfer(0, 3_000_000_000, 0.0, 6.0)) == "0 % of 3.0 GB"
    assert str(Transfer(900, 1000, 10.0, 11.0, begun_at=800)).startswith("90 % of 1.0 kB, 100 byt")


def test_a_meter_tells_neither_too_early_nor_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("mlq._transfer.time.monotonic", lambda: clock[0])
    told: list[Transfer] = []
    meter = Meter(1000, told.append)
    for _ in range(100):
        clock[0] += 0.05
        meter.add(10)
    assert 15 <= len(told) <= 19
    assert told[0].now >= 100.5
    assert told[-1].done <= 1000


def test_what_the_reader_sees(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    """The clock of the meter and of the lines is turned, so that it is a long transfer."""
    body = two_buffers()
    details = {"id": 53, "state": "running", "name": "train"}
    events = b'id: 1\ndata: {"kind":"succeeded","state":"succeeded","attempt":1}\n\n'
    scripted.on("GET /jobs/53", as_json(details))
    scripted.on("GET /jobs/53/events", Reply(200, {"Content-Type": "text/event-stream"}, events))
    scripted.on("GET /jobs/53/logs", Reply(200, {"Content-Type": "text/plain"}, b""))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_transfer, "_FIRST", 0.0)
        patch.setattr(_transfer, "_EVERY", 0.0)
        patch.setattr("mlq._plain._MOVED_AGAIN", 0.0)
        scripted.on("GET /jobs/53/result", lambda r: ranged(body, r))
        with mlq.Client(scripted.url, "t") as client:
            client.job(53).result(stream=True)
    lines = [line for line in capsys.readouterr().err.splitlines() if "fetching" in line]
    assert "mlq job 53 train: fetching the result: " in lines[0]
    assert all(" % of 6.3 MB" in line for line in lines)
    assert len(lines) > 5
