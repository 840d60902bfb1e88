"""Which names a cell takes and makes, in a table of cells."""

from __future__ import annotations

import ast
import sys

import pytest

from mlq import _names

CELLS = {
    # what it is: the cell, what it reads, what it assigns
    "a value": ("y = x + 1", "x", "y"),
    "what it assigned itself": ("x = 1\ny = x", "", "x y"),
    "before it assigns": ("x = x + 1", "x", "x"),
    "augmented": ("n += 1", "n", "n"),
    "an item": ("d['k'] = v", "d v", ""),
    "an attribute": ("model.lr = 2", "model", ""),
    "builtins": ("print(len([]))", "", ""),
    "imports": ("import a.b, c as d\nfrom e import f\na, d, f", "", ""),
    "unpacking": ("(a, *b), c = v", "v", "a b c"),
    "for": ("for i, x in enumerate(data):\n  last = x\nprint(last)", "data last", "i x last"),
    "one branch": ("if c:\n  x = 1\nx", "c x", "x"),
    "both branches": ("if c:\n  x = 1\nelse:\n  x = 2\nx", "c", "x"),
    "while": ("while n:\n  n -= 1", "n", "n"),
    "with": ("with f(p) as (a, b):\n  c = a", "f p", "a b c"),
    "try": ("try:\n  x = f()\nexcept E as e:\n  x = e\nx", "f E", "x"),
    "a handler's name": ("try:\n  pass\nexcept E as e:\n  pass\ne", "E e", ""),
    "finally": ("try:\n  pass\nfinally:\n  x = 1\nx", "", "x"),
    "deleted": ("x = 1\ndel x\nx", "x", "x"),
    "walrus": ("if (n := f()) > 1:\n  n", "f", "n"),
    "walrus in a comprehension": ("[(last := v) for v in xs]", "xs", "last"),
    "comprehension": ("[a + b for a in xs if a > c]", "b c xs", ""),
    "nested comprehension": ("{k: [i for i in v] for k, v in d.items()}", "d", ""),
    "lambda": ("f = lambda a, b=c: a + b + g", "c g", "f"),
    "a function": ("def f(a):\n  return a + g", "", "f"),
    "a function that is used": ("def f(a):\n  return a + g\nf(1)", "g", "f"),
    "used after its global is there": ("def f():\n  return g\ng = 1\nf()", "", "f g"),
    "by another function": ("def f():\n  return g\ndef h():\n  return f()\nh()", "g", "f h"),
    "recursion": ("def f(n):\n  return f(n - 1)\nf(3)", "", "f"),
    "defaults and annotations": ("def f(a: T = d) -> R: pass", "d T R", "f"),
    "a decorator": ("@deco(1)\ndef f(): return g", "deco g", "f"),
    "global": ("def f():\n  global n\n  n = 1\nf()", "", "n f"),
    "locals of a function": ("def f():\n  x = 1\n  return x\nf()", "", "f"),
    "a closure": ("def f():\n  x = 1\n  return lambda: x + g\nf()", "g", "f"),
    "a class": ("class A(B, metaclass=M):\n  c = d\n  def m(self): return g", "B M d g", "A"),
    "await": ("x = await f(y)", "f y", "x"),
    "async": ("async with a as b:\n  async for c in b:\n    pass", "a", "b c"),
    "only declared": ("x: int", "", ""),
    "an f-string": ("f'{x} {y!r:>{w}}'", "x y w", ""),
    "its own dunder": ("__name__", "", ""),
}  # fmt: skip
if sys.version_info >= (3, 10):
    CELLS["match"] = (
        "match v:\n  case [a, *b] if a > c: pass\n  case {'k': d, **e}: pass\n  case P(f): pass",
        "v c P", "a b d e f",
    )  # fmt: skip


@pytest.mark.parametrize("what", CELLS)
def test_names(what: str) -> None:
    cell, reads, assigns = CELLS[what]
    found = _names.of_cell(ast.parse(cell), ["x", "y"])
    assert set(found.reads) == set(reads.split())
    assert set(found.assigns) == set(assigns.split())


def test_a_builtin_that_the_notebook_hides() -> None:
    assert _names.of_cell(ast.parse("sum(x)"), ["sum", "x"]).reads == ["sum", "x"]


@pytest.mark.parametrize(
    ("cell", "sure"),
    [
        ("x\nprint(y)", {"x": 1, "y": 2}),
        ("if a:\n  b", {"a": 1}),
        ("try:\n  a\nexcept NameError: pass", {}),
        ("def f(): return a\nf()", {}),
        ("from m import *\na", {}),
        ("[a for b in c]", {}),
    ],
)
def test_what_is_read_in_any_case(cell: str, sure: dict[str, int]) -> None:
    assert _names.of_cell(ast.parse(cell)).sure == sure


def test_the_tree_stays_as_it_was() -> None:
    tree = ast.parse("def f(a):\n  return a + g\n@d\nclass A:\n  def m(self): return f")
    before = ast.dump(tree)
    _names.of_cell(tree)
    assert ast.dump(tree) == before
