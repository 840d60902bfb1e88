"""What is sent: sizes, buffers, and who is to blame when it cannot be sent."""

from __future__ import annotations

import json
import pickle
import resource
import threading
import warnings
from typing import Any, ClassVar

import cloudpickle
import pytest

import mlq
from mlq._envelope import unpack
from mlq._pickle import MAX_CODE, PYTHON, CallWriter, dump_code, size_of

LOCK = threading.Lock()
BALLAST = bytearray(300 << 10)
CARGO = bytearray(17 << 20)


def by_value(function: Any) -> Any:
    """As a function of a notebook is: pickled with all that it needs."""
    function.__module__ = "__main__"
    return function


class Net:
    def __init__(self) -> None:
        self.layers = [{"lock": LOCK}]


def call(function: Any, *args: Any, **kwargs: Any) -> Any:
    parts = CallWriter(function, {"gpus": 2}).write(args, kwargs)
    whole = bytearray(b"".join(parts))
    assert size_of(parts) == len(whole)
    return unpack(whole)


def test_a_call_is_complete() -> None:
    envelope = call(by_value(lambda x, y=1: x + y), 2, y=3)
    assert envelope.header["kind"] == "call"
    assert envelope.header["python"] == PYTHON
    assert envelope.header["cloudpickle"] == cloudpickle.__version__
    assert envelope.header["request"] == {"gpus": 2}
    assert envelope.header["function"] == "<lambda>"
    args, kwargs = pickle.loads(envelope.frames["args"], buffers=envelope.buffers())
    assert pickle.loads(envelope.frames["code"])(*args, **kwargs) == 5


def test_code_keeps_its_file_and_its_source() -> None:
    def outer() -> Any:
        def inner() -> None:
            raise LookupError("a line to be shown")

        return inner

    envelope = call(by_value(outer))
    function = pickle.loads(envelope.frames["code"])
    assert function.__code__.co_filename == __file__
    assert function().__code__.co_filename == __file__
    lines = json.loads(bytes(envelope.frames["source"]))[__file__].splitlines()
    raising = function().__code__.co_firstlineno + 1
    assert lines[raising - 1].strip() == 'raise LookupError("a line to be shown")'
    assert not any("test_large_buffers" in line for line in lines), "what was not sent is not shown"


def test_a_source_that_is_not_there_or_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere: dict[str, Any] = {}
    exec(compile("def f(): pass", "<nowhere>", "exec"), nowhere)  # as a prompt's
    assert "source" not in call(by_value(nowhere["f"])).frames
    assert "source" in call(by_value(lambda: None)).frames
    with monkeypatch.context() as limits:
        limits.setattr("mlq._pickler.MAX_SOURCE", 10)
        assert "source" not in call(by_value(lambda: None)).frames
    monkeypatch.setattr("mlq._pickler.MAX_EMPTY", 10)
    assert "source" not in call(by_value(lambda: None)).frames


def test_large_buffers_are_not_copied() -> None:
    data = bytearray(b"\7" * (1 << 20))
    parts = CallWriter(by_value(lambda x: x), {}).write((pickle.PickleBuffer(data),), {})
    assert any(isinstance(p, memoryview) and p.obj is data for p in parts)
    assert size_of(parts) < len(data) + 4096


def test_more_buffers_than_an_envelope_has_frames() -> None:
    many = [bytearray(5000) for _ in range(4200)]
    envelope = call(by_value(lambda x: x), [pickle.PickleBuffer(b) for b in many])
    (values,), _ = pickle.loads(envelope.frames["args"], buffers=envelope.buffers())
    assert [bytes(v) for v in values] == [bytes(b) for b in many]


@pytest.mark.parametrize("ballast", [0, 5000])
def test_each_call_of_a_writer_is_its_own(ballast: int) -> None:
    captured = b"c" * ballast
    writer = CallWriter(by_value(lambda x: (x, len(captured))), {})
    values = [1, 2, "a", "b", "c" * 300, "d" * 300, "e" * 5000, b"\0" * 4080, 3, [1], {"y": 2}, 4]
    for value in values:
        envelope = unpack(bytearray(b"".join(writer.write((value,), {}))))
        args, _ = pickle.loads(envelope.frames["args"], buffers=envelope.buffers())
        assert args == (value,)
        assert pickle.loads(envelope.frames["code"])(*args) == (value, ballast)


def test_equal_code_has_equal_bytes() -> None:
    function = by_value(lambda x: x)
    assert dump_code(function) == dump_code(function)


def deep(levels: int) -> list[Any]:
    """A list in a list, and so on."""
    inner: list[Any] = []
    for _ in range(levels - 1):
        inner = [inner]
    return inner


class TestBlame:
    def refused(self, function: Any, *args: Any, **kwargs: Any) -> str:
        with pytest.raises(mlq.NotSerializable) as caught:
            CallWriter(function, {}).write(args, kwargs)
        assert isinstance(caught.value, TypeError)
        assert isinstance(caught.value, ValueError)
        return str(caught.value)

    def test_an_argument(self) -> None:
        text = self.refused(by_value(lambda x: x), {"model": [1, LOCK]})
        assert "cannot send args[0]['model'][1] (_thread.lock)" in text

    def test_a_keyword(self) -> None:
        assert "kwargs['lock']" in self.refused(by_value(lambda lock: 1), lock=LOCK)

    def test_an_attribute(self) -> None:
        text = self.refused(by_value(lambda x: x), Net())
        assert "args[0].layers[0]['lock']" in text

    def test_a_global(self) -> None:
        def train() -> Any:
            return LOCK

        assert "train → global 'LOCK' (_thread.lock)" in self.refused(by_value(train))

    def test_a_closure_within_a_closure(self) -> None:
        lock = threading.Lock()

        def helper() -> Any:
            return lock

        def train() -> Any:
            return helper()

        by_value(helper)
        assert "train → variable 'helper' → variable 'lock'" in self.refused(by_value(train))

    def test_a_structure_that_contains_itself(self) -> None:
        loop: list[Any] = [LOCK]
        loop.insert(0, loop)
        assert "lock" in self.refused(by_value(lambda x: x), loop)

    def test_ten_thousand_levels_are_refused_in_few_words(self) -> None:
        text = self.refused(by_value(lambda x: x), deep(10_000))
        assert text.startswith("cannot send args[0][0]")
        assert "…" in text
        assert "deep recursion" in text
        assert len(text) < 400


class TestSize:
    def test_a_large_global_is_warned_of(self) -> None:
        def train() -> int:
            return len(BALLAST)

        with pytest.warns(UserWarning, match=r"captures 0\.3 MiB.*global 'BALLAST' \(0\.3 MiB\)"):
            dump_code(by_value(train))

    def test_a_huge_one_is_refused(self) -> None:
        def train() -> int:
            return len(CARGO)

        with pytest.raises(mlq.TooLarge, match=r"16\.0 MiB: global 'CARGO' \(17\.0 MiB\)"):
            dump_code(by_value(train))
        assert len(CARGO) > MAX_CODE

    def test_five_gigabytes_are_refused_at_once(self) -> None:
        """Memory of zeros is not there until it is read, or copied."""
        huge = bytearray(5 << 30)

        def train() -> int:
            return len(huge)

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(mlq.TooLarge, match=r"variable 'huge' \(5120\.0 MiB\)"):
            dump_code(by_value(train))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 100 << 10, f"{grown} KiB"

    def test_the_path_to_what_is_large(self) -> None:
        cargo = b"x" * (17 << 20)

        class Config:
            tables: ClassVar[Any] = {"a": [1, cargo]}

        def helper() -> Any:
            return Config

        by_value(helper)

        def train(helper: Any = helper) -> Any:
            return helper

        config = r"variable 'Config'\.tables\['a'\]\[1\] \(17\.0 MiB\)"
        with pytest.raises(mlq.TooLarge, match=config):
            dump_code(by_value(lambda: Config))
        with pytest.raises(mlq.TooLarge, match="default 0 → " + config):
            dump_code(by_value(train))

    def test_nothing_is_said_of_small_ones(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            dump_code(by_value(lambda: 1))
