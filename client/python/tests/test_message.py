"""Messages as JSON and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlq import _message

KEPT: list[Any] = [
    None,
    True,
    53,
    2**70,
    0.5,
    "snow ☃",
    b"\x00\xff",
    [1, [b"x"]],
    {"my_data": 1234},
    {"image": b"\x89PNG", "of": {"b": [b""]}},
    {1: "one", "2": "two", None: 0},
    {b"key": 1, "2": b"two"},
    {"py/b64": "aGk="},  # a dict of the user's that looks like ours
    {"py/items": [[1, 2]]},
    {"py/b64": "aGk=", "more": 1},
]


@pytest.mark.parametrize("msg", KEPT, ids=repr)
def test_what_is_posted_is_what_arrives(msg: Any) -> None:
    assert _message.loads(_message.dumps(msg)) == msg


def test_plain_json_is_sent_as_it_is() -> None:
    msg = {"arg1": 6, "arg2": [3, "x", None]}
    assert json.loads(_message.dumps(msg)) == msg
    assert _message.loads('{"py/b64": "not base64!"}') == {"py/b64": "not base64!"}
    assert _message.loads('{"py/items": [[[1], 2]]}') == {"py/items": [[[1], 2]]}


def test_tuples_are_lists_and_bytes_are_bytes() -> None:
    assert _message.loads(_message.dumps((1, bytearray(b"ab")))) == [1, b"ab"]


@pytest.mark.parametrize(
    ("msg", "error", "text"),
    [
        ({"a": [1, object()]}, TypeError, r"the message\['a'\]\[1\] .*: it is a object; int"),
        ({"a": float("nan")}, ValueError, r"the message\['a'\] .*: it is nan"),
        ([float("-inf")], ValueError, r"the message\[0\] .*: it is -inf"),
        ({(1, 2): 1}, TypeError, r"its key \(1, 2\) is a tuple"),
    ],
)
def test_what_cannot_be_sent_is_named(msg: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        _message.dumps(msg)


def test_a_message_within_itself_is_refused() -> None:
    msg: list[Any] = []
    msg.append(msg)
    with pytest.raises(ValueError, match="nested too deep, or in itself") as caught:
        _message.dumps(msg)
    assert len(str(caught.value)) < 250
