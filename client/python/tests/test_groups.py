"""Named values as pickles of their own, but for those that share what can change."""

from __future__ import annotations

import enum
import importlib
from typing import Any

import pytest

from mlq import _giveup, _groups

np: Any = importlib.import_module("numpy")
SHARED: list[int] = [1]


class Colour(enum.Enum):
    RED = 1


@pytest.mark.parametrize(
    ("values", "groups"),
    [
        ({"a": 1, "b": "x", "c": None}, [["a"], ["b"], ["c"]]),
        ({"a": SHARED, "b": {"k": SHARED}, "c": [1]}, [["c"], ["a", "b"]]),
        ({"a": SHARED, "b": [], "c": (SHARED,)}, [["b"], ["a", "c"]]),
        ({"a": np.zeros(9), "b": np.zeros(9)}, [["a"], ["b"]]),  # one dtype
        ({"a": [Colour.RED], "b": [Colour.RED]}, [["a"], ["b"]]),
        ({"a": ("x",) * 9, "b": ["x"], "c": [len, int]}, [["a"], ["b"], ["c"]]),
    ],
)
def test_who_goes_together(values: dict[str, Any], groups: list[list[str]]) -> None:
    packed, left = _groups.pack(values)
    assert sorted(group.names for group in packed) == sorted(groups)
    assert not left
    back, missing = _groups.load(packed)
    assert sorted(back) == sorted(values)
    assert not missing


def test_what_they_share_is_one_object() -> None:
    array = np.arange(9000.0)
    back, _ = _groups.load(_groups.pack({"a": array, "b": {"view": array}})[0])
    assert back["b"]["view"] is back["a"]
    assert back["a"].flags.writeable


def test_large_bytes() -> None:
    data = bytes(range(256)) * 9000
    assert _groups.load(_groups.pack({"a": data})[0])[0]["a"] == data


class Vain:
    def __reduce__(self) -> Any:
        raise RuntimeError("not me")


def test_one_that_cannot_be_pickled() -> None:
    packed, left = _groups.pack({"a": Vain(), "b": 2})
    assert left == {"a": "Vain: not me"}
    assert _groups.load(packed)[0] == {"b": 2}


@pytest.mark.parametrize(
    ("state", "error", "text"),
    [
        ("cancelled", "", "cancelled by this interrupt"),
        ("running", "", "told to stop by this interrupt"),
        ("running", "gone", "told to stop by this interrupt"),
        ("succeeded", "", "it had ended"),
        ("", "", "this interrupt cancels it as soon as the server answers; again() makes sure"),
        ("", "no token", "could not be cancelled by this interrupt: no token; again() tries again"),
    ],
)
def test_what_an_interrupt_says(state: str, error: str, text: str) -> None:
    assert _giveup.in_words(state, error, "again()") == text
