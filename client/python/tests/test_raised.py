"""Exceptions of jobs: each comes back as what it was, whatever its class does."""

from __future__ import annotations

import pickle
import sys
import threading
from typing import Any

import cloudpickle
import pytest

from mlq import _raised

LIMIT = 1 << 20
LOCK = threading.Lock()


def back(err: BaseException) -> Any:
    data = _raised.dumps(err, LIMIT)
    assert data is not None
    made = pickle.loads(data)
    assert type(made) is type(err)
    return made


class Keywords(Exception):
    def __init__(self, *, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class Builds(Exception):
    def __init__(self, n: int) -> None:
        super().__init__(f"n is {n}")


class OfFiles(OSError):
    def __init__(self, *, path: str) -> None:
        super().__init__(2, "gone", path)


class Refuses(Exception):
    def __setattr__(self, name: str, value: object) -> None:
        raise RuntimeError(f"{name} is read-only")


class ItsOwnWay(Exception):
    def __reduce__(self) -> Any:
        return ItsOwnWay, ("made anew",)


@pytest.mark.parametrize(
    "err",
    [
        KeyError("lr"),
        Keywords(code=3),
        Builds(3),
        OfFiles(path="/x"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        SyntaxError("bad", ("model.py", 1, 2, "x = = 1")),
        Refuses("as it is"),
    ],
)
def test_it_is_as_it_was(err: BaseException) -> None:
    made = back(err)
    assert (str(made), made.args, vars(made)) == (str(err), err.args, vars(err))


def test_what_python_loses_by_its_own_way() -> None:
    with pytest.raises(TypeError, match="positional argument"):
        pickle.loads(cloudpickle.dumps(Keywords(code=3)))
    assert str(pickle.loads(cloudpickle.dumps(Builds(3)))) == "n is n is 3"


def test_fields_of_builtins() -> None:
    made = back(OfFiles(path="/x"))
    assert (made.errno, made.filename) == (2, "/x")
    made = back(SyntaxError("bad", ("model.py", 7, 2, "x = = 1")))
    assert (made.filename, made.lineno, made.text) == ("model.py", 7, "x = = 1")
    assert back(SystemExit(3)).code == 3
    assert back(ModuleNotFoundError("no", name="torch")).name == "torch"


def test_a_class_that_has_its_own_way_is_asked() -> None:
    assert back(ItsOwnWay("first")).args == ("made anew",)


def test_what_cannot_be_sent_is_left_out() -> None:
    err = Keywords(code=3)
    err.lock, err.table = LOCK, bytes(LIMIT + 1)  # type: ignore[attr-defined]
    assert vars(back(err)) == {"code": 3}
    assert back(ValueError("held by", LOCK)).args == ("held by", repr(LOCK))


def test_a_long_text_is_cut() -> None:
    made = back(ValueError("a" + "x" * 5_000_000 + "z"))
    assert len(str(made)) < 20_000
    assert str(made)[0] + str(made)[-1] == "az"


def test_a_class_that_cannot_be_sent_travels_as_text() -> None:
    class Holder(Exception):
        lock = LOCK

    Holder.__module__ = "__main__"
    assert _raised.dumps(Holder(), LIMIT) is None


if sys.version_info >= (3, 11):

    def test_groups_and_notes() -> None:
        inner = Keywords(code=3)
        inner.lock = LOCK  # type: ignore[attr-defined]
        inner.add_note("of epoch 3")
        made = back(ExceptionGroup("several", [inner, KeyError("b")]))  # noqa: F821
        assert made.message == "several"
        first, second = made.exceptions
        assert (type(first), first.code, first.__notes__) == (Keywords, 3, ["of epoch 3"])
        assert second.args == ("b",)
