"""What comes from elsewhere (a server, a proxy, a job's file) is read or refused in words: each
reader is given whatever hypothesis can think of, and may raise its documented errors only.

``HYPOTHESIS_PROFILE=long`` tries for minutes what a run of the tests tries for a second.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import tempfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

import mlq
from mlq import _answers, _call, _envelope, _follow, _message, _result, _sse, _unship
from mlq._answers import Answer, problem_of, retry_after
from mlq._envelope import EnvelopeError, pack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import SearchStrategy

# Threads of the package that other tests have left may draw a pause meanwhile.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the .random. module inside strategies")

_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
for _name, _examples in {"short": 150, "long": int(os.environ.get("EXAMPLES", "100000"))}.items():
    settings.register_profile(
        _name,
        max_examples=_examples,
        deadline=None,
        database=None,
        # Not Phase.explain: it traces every line, and CPython 3.11.7 was seen spinning in it.
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
settings.load_profile("long" if _LONG else "short")

# JSON as it could be: of any shape, also with what Python takes and JSON has not.
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.integers(10**17, 10**19)
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)
deep = st.integers(1, 200_000).map(lambda n: b"[" * n)


def documents(**known: SearchStrategy[Any]) -> SearchStrategy[bytes]:
    """JSON documents, most of them objects in which some of the known fields are what they are."""
    some = st.fixed_dictionaries({}, optional={k: v | values for k, v in known.items()})
    texts = (some | values).map(lambda value: json.dumps(value).encode())
    return texts | deep | st.binary()


headers = st.dictionaries(
    st.sampled_from(["Content-Type", "Content-Length", "Retry-After", "Mlq-Client", "ETag"]),
    st.sampled_from(
        [_answers.JSON, _answers.PROBLEM, "text/html", "inf", "nan", "-1", "²", "9" * 5000]
    )
    | st.text(),
)


class Response(io.BytesIO):
    """As much of urllib3's as is looked at."""

    length_remaining = 0

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(body)
        self.status, self.headers = status, headers


@given(st.integers(100, 599), headers, documents(code=st.sampled_from(list(_answers.__dict__))))
def test_an_answer(status: int, headers: dict[str, str], body: bytes) -> None:
    with contextlib.suppress(mlq.MlqError):
        answer: Any = Response(status, headers, body)
        _answers.refuse_foreign(answer)
        read = _answers.read_answer(answer)
        assert read.body == body
        assert 0 <= retry_after(headers) <= float("inf")
        _answers.refuse_page(read)
        assert isinstance(problem_of(read), mlq.MlqError)
        assert isinstance(read.object(), dict)


@given(documents(id=st.integers(), state=st.text(), jobs=st.lists(values), next=st.integers()))
def test_a_field_that_is_missing(body: bytes) -> None:
    with contextlib.suppress(mlq.MlqError):
        told = Answer(200, {"Content-Type": _answers.JSON}, body).object()
        assert told["jobs"] == told.get("jobs")


times = st.sampled_from(
    ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9Z", "2026-11-26T23:59:60Z", "2026-02-30T00:00Z"]
)
event = documents(
    kind=st.sampled_from(["update", "attempt_lost", "succeeded", "queued"]),
    state=st.sampled_from(["running", "queued"]),
    attempt=st.integers(-1, 3),
    log_bytes=st.integers(-1, 9),
    progress_text=st.text(),
    closing=st.fixed_dictionaries({"at": times | values, "by": values}),
    at=times,
)


@given(
    st.lists(st.tuples(st.sampled_from([b"data: ", b"id: ", b"data:", b": ", b""]), event)),
    st.sampled_from([b"\n", b"\n\n", b"\r\n"]),
    st.integers(1, 100),
)
def test_a_stream_of_events(lines: list[tuple[bytes, bytes]], end: bytes, piece: int) -> None:
    """Cut into pieces it is read as in one, unless it breaks off within."""
    stream = b"".join(name + text + end for name, text in lines)
    if len(stream) > 200 * piece:
        piece = len(stream) // 100 + 1
    found: list[list[_sse.ServerEvent] | None] = []
    for size in (piece, len(stream) + 1):
        try:
            cut = (stream[at : at + size] for at in range(0, len(stream), size))
            found.append(list(_sse.events(cut)))
        except mlq.MlqError:
            found.append(None)
    # NaN is not itself, so compare texts.
    assert repr(found[0]) == repr(found[1])


@given(st.lists(event, max_size=5))
def test_what_happens_to_a_job(told: list[bytes]) -> None:
    class Log:
        def __init__(self, *_: Any) -> None:
            pass

        def lacks(self, attempt: int, size: int) -> bool:
            return attempt > 0 and size > 0

        def read(self, attempt: int) -> Iterator[_follow.Output]:
            yield _follow.Output(f"attempt {attempt}")

        def end(self) -> Iterator[_follow.Output]:
            return iter(())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_follow, "LogReader", Log)
        patch.setattr(_follow, "job_events", lambda *_: _told(told))
        nobody: Any = None
        with contextlib.suppress(mlq.MlqError):
            for happening in _follow.follow(nobody, 1, nobody):
                assert repr(happening)


def _told(bodies: list[bytes]) -> Iterator[dict[str, Any]]:
    for body in bodies:
        for found in _sse.events([b"data: " + body.replace(b"\n", b"") + b"\n\n"]):
            if found.data:
                yield found.data


envelope_header = documents(
    kind=st.sampled_from(sorted(_envelope.KINDS)),
    frames=st.lists(
        st.tuples(st.sampled_from(["view", "pickle", "b0", "a"]), st.integers(0, 5000)), max_size=4
    ),
    value=st.sampled_from(["bytes", "text", "json", "pickle"]),
    python=st.just(_result.PYTHON) | st.text(),
    type=st.text(),
    traceback=st.text(),
)


@given(envelope_header, st.binary(), st.integers(-3, 3), st.booleans())
def test_an_envelope(head: bytes, body: bytes, off: int, exact: bool) -> None:
    try:
        frames = json.loads(head)["frames"]
        if exact:  # as long as it says
            body += bytes(sum(size for _, size in frames) + 64 * len(frames) + off)
    except Exception:  # noqa: BLE001 - it is no header
        pass
    whole = bytearray(struct.pack("<4sI", b"MLQ1", max(0, len(head))) + head + body)
    with contextlib.suppress(EnvelopeError):
        found = _envelope.unpack(whole)
        assert sum(map(len, found.frames.values())) <= len(whole)
        assert found.kind in _envelope.KINDS
        _is_read(found)


def _is_read(found: _envelope.Envelope) -> None:
    with contextlib.suppress(mlq.MlqError):
        _result.value_of(found)
    assert isinstance(_result.error_of(found, "job 1"), BaseException)


# Never "pickle" with a digest of the server's: what runs when it is loaded is the job's own.
parts = st.dictionaries(st.sampled_from(["view", "b0", "pickle"]), st.binary(max_size=200))


@given(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(sorted(_envelope.KINDS))},
        optional={
            name: st.sampled_from(["bytes", "text", "json"]) | values
            for name in ("value", "traceback", "type", "message", "reason")
        },
    ),
    parts,
)
def test_a_result(header: dict[str, Any], frames: dict[str, bytes]) -> None:
    _is_read(_envelope.Envelope(header, {k: memoryview(v) for k, v in frames.items()}))


@given(st.text(), parts.map(dict.items))
def test_what_is_packed_is_read_again(text: str, frames: Any) -> None:
    found = _envelope.unpack(b"".join(pack({"kind": "call", "x": text}, list(frames))))
    assert found.header["x"] == text
    assert {name: bytes(view) for name, view in found.frames.items()} == dict(frames)


message = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.binary(), inner),
    max_leaves=12,
)


@given(message)
def test_a_message_there_and_back(msg: Any) -> None:
    assert _message.loads(_message.dumps(msg)) == msg


tagged = st.recursive(
    leaves,
    lambda inner: (
        st.dictionaries(st.sampled_from(["py/b64", "py/items", "a"]), inner | st.lists(inner))
        | st.lists(inner)
    ),
    max_leaves=12,
)


@given(tagged)
def test_a_message_of_somebody_else(msg: Any) -> None:
    _message.restore(json.loads(json.dumps(msg)))


call_header = documents(
    kind=st.sampled_from(["envelope", "message", "command", "source"]),
    parts=st.lists(st.integers(-1, 40), max_size=4),
)


@example(files=[(b'{"kind": "envelope", "parts": {}}', b"")], line=True)
@given(st.lists(st.tuples(call_header, st.binary()), min_size=1, max_size=3), st.booleans())
def test_the_file_of_a_call(files: list[tuple[bytes, bytes]], line: bool) -> None:
    fds = [_file(head + b"\n" * line + body) for head, body in files]
    with contextlib.suppress(_call.Refused):
        call = _call.read(fds)
        assert [len(part) for part in call.parts] == call.header["parts"]


def _file(content: bytes) -> int:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return os.dup(file.fileno())


names = st.sampled_from(
    ["a.py", "../a.py", "/a.py", "a/b.py", "a/", "a", "a\\b", "a/../../b", "", "é.py"]
)


def _zip(members: list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for number, (name, body) in enumerate(members):
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o120777 if number % 3 == 2 else 0o100644) << 16
            packed.writestr(info, body)
    return out.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@given(st.lists(st.tuples(names, st.binary(max_size=50)), max_size=4), st.data())
def test_the_modules_of_a_call(members: list[tuple[str, bytes]], data: st.DataObject) -> None:
    packed = bytearray(_zip(members))
    for at in data.draw(st.lists(st.integers(0, len(packed) - 1), max_size=4)):
        packed[at] = data.draw(st.integers(0, 255))
    _unpacks_or_refuses(packed)


def test_modules_with_a_changed_byte() -> None:
    whole = _zip([("a.py", b"x = 1")])
    for at in range(len(whole)):
        for value in (0, 1, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 255):
            _unpacks_or_refuses(whole[:at] + bytes([value]) + whole[at + 1 :])


def _unpacks_or_refuses(packed: bytes | bytearray) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        job = os.path.join(folder, "job")
        os.makedirs(os.path.join(job, "tmp"))
        patch.setenv("MLQ_JOB_DIR", job)
        patch.setattr(_unship, "_prefer", lambda *_: None)
        with contextlib.suppress(_unship.Refused):
            _unship.unpack(packed)
        assert sorted(os.listdir(folder)) == ["job"]
        assert sorted(os.listdir(job)) == ["tmp"]
