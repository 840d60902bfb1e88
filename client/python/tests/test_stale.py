"""Modules that were edited after their import: what a job gets is what is on disk."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any

import pytest

from mlq import _stale
from mlq._pickle import CallWriter
from projects import place


class TestStale:
    """What is on disk is sent, and who has something else loaded is told."""

    @pytest.fixture
    def module(self, beside: Path) -> Any:
        place(
            beside,
            {
                "tuned.py": """
                    RATE = 0.5
                    COUNT = 0
                    def f(x):
                        return x * RATE
                    def bump():
                        global COUNT
                        COUNT += 1
                    class Net:
                        def forward(self): return [i for i in range(3)]
                        @staticmethod
                        def make(): return Net()
                    """
            },
        )
        return importlib.import_module("tuned")

    def changed(self, module: Any, old: str, new: str) -> None:
        path = Path(module.__file__)
        path.write_text(path.read_text().replace(old, new))

    def said(self, module: Any) -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            CallWriter(module.f, {})
        return [str(warning.message) for warning in caught]

    def test_nothing_is_said_where_they_agree(self, module: Any) -> None:
        module.bump()
        self.changed(module, "RATE = 0.5", "# a remark moves all lines\nRATE = 0.5")
        assert self.said(module) == []

    @pytest.mark.parametrize(
        ("old", "new", "named"),
        [
            ("x * RATE", "x + RATE", "(f)"),
            ("range(3)", "range(4)", "(Net.forward)"),
            ("return Net()", "return Net", "(Net.make)"),
            ("RATE = 0.5", "RATE = 0.25", "(RATE)"),
            ("def f(x)", "def g(x)", "(f)"),
        ],
    )
    def test_an_edit_is_named(self, module: Any, old: str, new: str, named: str) -> None:
        self.changed(module, old, new)
        (text,) = self.said(module)
        assert f"of tuned.py is not what is on disk {named}: the job gets what is on disk" in text
        assert self.said(module) == [], "once is enough"
        importlib.reload(module)
        assert "def g" in new or self.said(module) == []

    def test_an_attribute_that_was_set(self, module: Any) -> None:
        module.RATE = 2
        assert "(RATE)" in self.said(module)[0]


def test_a_set_of_another_order_is_the_same_constant() -> None:
    """As from a .pyc: the order of a set's repr is that in which it was filled."""

    def code(*constants: Any) -> Any:
        return _stale._shape(code.__code__.replace(co_consts=constants))

    one, other = frozenset([0, 8, 16]), frozenset([16, 8, 0])
    assert repr(one) != repr(other)
    assert code(one, (1, one)) == code(other, (1, other))
    assert code(one) != code(frozenset([0, 8]))
    assert code((1, 2)) != code((True, 2)) != code(frozenset([1, 2]))
