"""Jobs that keep data for each other and wait for each other's results, on a real server."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Callable

import cloudpickle
import pytest

import mlq

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _by_value() -> Iterator[None]:
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    yield
    cloudpickle.unregister_pickle_by_value(here)


def of(live: mlq.Client, fn: Callable[..., Any], *args: Any, **request: Any) -> Any:
    return live.submit(fn, *args, **request).result(60)


def keep(msg: dict[str, Any], utils: Any) -> Any:
    return utils["store_data"](msg["data"], key=msg.get("key"), expiry=msg.get("expiry"))


def find(key: str, utils: Any) -> Any:
    return utils["fetch_data"](key)


@pytest.mark.parametrize(
    ("data", "want"),
    [
        (b"\x00\xff", b"\x00\xff"),
        ("größe", "größe".encode()),
        (42, b"42"),
        (0.5, b"0.5"),
        (b"", b""),
    ],
)
def test_another_job_finds_the_bytes(live: mlq.Client, data: Any, want: bytes) -> None:
    key = of(live, keep, {"data": data})
    assert of(live, find, key) == want


def test_a_key_of_ones_own_and_an_end(live: mlq.Client) -> None:
    assert of(live, keep, {"data": "old", "key": "epoch 3/weights"}) == "epoch 3/weights"
    of(live, keep, {"data": "new", "key": "epoch 3/weights", "expiry": 3600})
    assert of(live, find, "epoch 3/weights") == b"new"
    of(live, keep, {"data": "soon gone", "key": "short", "expiry": 0.01})
    time.sleep(0.02)
    assert of(live, find, "short") is None
    assert of(live, find, "never kept") is None


@pytest.mark.parametrize(
    ("msg", "error", "text"),
    [
        ({"data": {"a": 1}}, TypeError, "keeps bytes, text and numbers, not dict: pickle.dumps"),
        ({"data": True}, TypeError, "not bool"),
        ({"data": "x", "key": "a\nb"}, mlq.MlqError, "control characters"),
        ({"data": "x", "key": ""}, mlq.MlqError, "1 to 255 bytes"),
        ({"data": "x", "expiry": -1}, mlq.MlqError, "seconds above 0"),
    ],
)
def test_what_cannot_be_kept(
    live: mlq.Client, msg: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        of(live, keep, msg)


def send_too_much(by: str, utils: Any) -> Any:
    large = b"x" * (65 << 20)
    return utils[by](large)


@pytest.mark.parametrize("by", ["store_data", "post"])
def test_more_than_the_server_takes_says_so(live: mlq.Client, by: str) -> None:
    """The server answers and closes while the body is still being sent."""
    with pytest.raises(mlq.TooLarge, match="more than 67108864 bytes"):
        of(live, send_too_much, by)


def pair(_msg: str, _utils: Any) -> Any:
    return {"loss": [0.5]}


def waits(msg: Any, utils: Any) -> Any:
    inner = mlq.submit(msg["fn"], "x", **msg["request"])
    try:
        return utils["block_until_result"](str(inner.id))
    except mlq.MlqError as err:
        inner.cancel()
        return [type(err).__name__, err.code, str(err)]


def fails(_msg: str, _utils: Any) -> Any:
    raise ValueError("no")


def test_a_job_waits_for_another(live: mlq.Client) -> None:
    assert of(live, waits, {"fn": pair, "request": {}}) == b'{"loss":[0.5]}'
    name, _, text = of(live, waits, {"fn": fails, "request": {}})
    assert (name, "ValueError: no" in text) == ("RemoteError", True)


def test_a_wait_that_would_never_end_is_refused(live: mlq.Client) -> None:
    began = time.monotonic()
    _, code, text = of(live, waits, {"fn": pair, "request": {"gpus": 2}})
    assert code == "would-deadlock"
    assert "every device" in text
    assert time.monotonic() - began < 10


def test_only_ids_can_be_waited_for(live: mlq.Client) -> None:
    def odd(msg: Any, utils: Any) -> Any:
        utils["block_until_result"](msg)

    with pytest.raises(ValueError, match="want the id of a job, not 'soon'"):
        of(live, odd, "soon")
