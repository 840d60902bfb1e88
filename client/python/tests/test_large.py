"""Arguments that are larger than should travel are warned of, by name, and without a copy."""

from __future__ import annotations

import pickle
import tracemalloc
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import mlq
from mlq import _dump, _large
from mlq._pickle import CallWriter
from scripted import as_json, stored

if TYPE_CHECKING:
    from scripted import Scripted

MIB = 1 << 20


def array(size: int) -> pickle.PickleBuffer:
    """What an array is to a pickle: memory of zeros, which is not there until it is touched."""
    return pickle.PickleBuffer(bytearray(size))


def train(data: Any, labels: Any = None, *, epochs: int = 1) -> None:
    """Never runs here."""


def test_a_real_array_of_257_mib() -> None:
    data = array(257 * MIB)
    writer = CallWriter(train, {})
    tracemalloc.start()
    try:
        with pytest.warns(UserWarning, match="is sent 257 MiB") as caught:
            writer.write((data,), {"epochs": 3})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (warning,) = caught
    text = str(warning.message)
    assert text.startswith("train is sent 257 MiB of arguments: argument 1 257 MiB.")
    for way_out in ("path", "workdir=", "labels=", "docs/data.md"):
        assert way_out in text
    assert "epochs" not in text, "only what is large is named"
    assert warning.filename == __file__
    assert peak < 16 * MIB, "nothing of it was copied"


def test_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _large.WARN_ARGUMENTS == 256 * MIB
    monkeypatch.setattr(_large, "WARN_ARGUMENTS", 5 * MIB)
    writer = CallWriter(train, {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        writer.write((array(4 * MIB),), {})
        with pytest.raises(
            UserWarning, match=r"6 MiB of arguments: 'labels' 4 MiB, argument 1 2 MiB"
        ):
            writer.write((b"x" * (2 * MIB),), {"labels": array(4 * MIB)})


def test_many_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing stands out, and what is sent is large all the same."""
    monkeypatch.setattr(_large, "WARN_ARGUMENTS", 1 * MIB)
    parts = [b"x" * (300 << 10) for _ in range(4)]
    with pytest.warns(UserWarning, match=r"is sent 1 MiB of arguments\. It works"):
        CallWriter(lambda *_: None, {}).write(tuple(parts), {})


def test_measure() -> None:
    assert 8 * MIB <= _dump.measure([array(4 * MIB), b"x" * (4 * MIB)]) < 9 * MIB
    assert _dump.measure(1) < 100


def test_submit_warns_where_it_was_called(
    client: mlq.Client, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_large, "WARN_ARGUMENTS", 100)
    scripted.on("POST /jobs", as_json(7, 201))
    with pytest.warns(UserWarning, match="train is sent") as caught:
        assert client.submit(train, b"x" * 200).id == 7
    assert caught[0].filename == __file__


def test_a_call_that_is_uploaded_goes_on(client: mlq.Client, scripted: Scripted) -> None:
    """A warning is all: the large call is sent."""
    scripted.on("POST /jobs", as_json(7, 201))
    data = b"x" * (2 * MIB)
    scripted.otherwise = stored
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert client.submit(train, data).id == 7
    assert [request.method for request in scripted.requests] == ["POST", "POST"]
