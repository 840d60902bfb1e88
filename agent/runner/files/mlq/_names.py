"""Which names a notebook cell takes from the notebook, and which it makes: found from its code.

Nothing is executed. A name counts as taken where it may be read before the cell itself
has assigned it for certain: rather one value too many than one missing.
"""

# ruff: noqa: N802, N815 - methods are named after the nodes that they handle

from __future__ import annotations

import ast
import builtins
import dis
import types
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_BODIES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Names(NamedTuple):
    """``reads`` come from the notebook, ``assigns`` may go back to it, both in order.

    ``sure`` are the reads that happen in any case, each with its line: a name among them that
    is nowhere is a NameError for certain.
    """

    reads: list[str]
    assigns: list[str]
    sure: dict[str, int]


def of_cell(tree: ast.Module, defined: Iterable[str] = ()) -> Names:
    """The names of a cell. ``defined`` are the notebook's, which may hide builtins."""
    walk = _Walk(set(defined))
    walk.block(tree.body)
    return Names(list(walk.reads), list(walk.assigns), walk.sure)


class _Walk:
    """Goes through the cell in the order in which it runs."""

    def __init__(self, defined: set[str]) -> None:
        self.reads: dict[str, None] = {}
        self.assigns: dict[str, None] = {}
        self.sure: dict[str, int] = {}
        self._defined = defined
        self._bound: set[str] = set()  # for certain, at this point
        self._later: dict[str, set[str]] = {}  # what a function reads once it is used
        self._maybe = False  # in what need not run, or after a star that may bind anything

    def block(self, body: Iterable[ast.stmt]) -> None:
        """Statements, one after the other."""
        for statement in body:
            kind = type(statement).__name__.replace("Async", "")
            getattr(self, f"_on_{kind}", self._expression)(statement)

    # Statements, each by the name of its node.

    def _on_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self._maybe = self._maybe or alias.name == "*"
            self._bound.add(alias.asname or alias.name.partition(".")[0])

    _on_ImportFrom = _on_Import

    def _on_FunctionDef(self, node: Any) -> None:
        """Decorators and defaults are read now, the body when the name is."""
        body, node.body = node.body, []
        self._expression(node)
        node.body = body
        reads, stores = _compiled(node)
        self._assign(*stores, node.name)
        if node.decorator_list:
            self._read_all(reads - {node.name})
        else:
            self._later[node.name] = reads
        self._bound.add(node.name)

    def _on_ClassDef(self, node: ast.ClassDef) -> None:
        """Its body runs at once, and its methods whenever somebody calls them."""
        self._on_FunctionDef(node)
        self._read_all(self._later.pop(node.name, set()) - {node.name})

    def _on_Assign(self, node: ast.Assign) -> None:
        self._expression(node.value)
        for target in node.targets:
            self._store(target)

    def _on_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._expression(node.annotation)
        if node.value is not None:
            self._expression(node.value)
            self._store(node.target)

    def _on_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._read(node.target.id, node.lineno)
        self._expression(node.value)
        self._store(node.target)

    def _on_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._expression(node.iter)
        turn = partial(self._bound_in, node.target, node.body)
        self._branches(turn, partial(self.block, node.orelse))

    def _on_If(self, node: ast.If | ast.While) -> None:
        self._expression(node.test)
        self._branches(partial(self.block, node.body), partial(self.block, node.orelse))

    _on_While = _on_If

    def _on_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self._expression(item.context_expr)
            if item.optional_vars is not None:
                self._store(item.optional_vars)
        self.block(node.body)

    def _on_Try(self, node: Any) -> None:
        handlers = [partial(self._handler, handler) for handler in node.handlers]
        self._branches(partial(self.block, [*node.body, *node.orelse]), *handlers)
        self.block(node.finalbody)

    _on_TryStar = _on_Try

    def _handler(self, node: ast.ExceptHandler) -> None:
        """``except E as err`` deletes err at its end, so that it goes nowhere."""
        if node.type is not None:
            self._expression(node.type)
        self._bound.add(node.name or "")
        self.block(node.body)
        self._bound.discard(node.name or "")

    def _on_Match(self, node: Any) -> None:
        self._expression(node.subject)
        cases = [partial(self._bound_in, c.pattern, c.body, c.guard) for c in node.cases]
        self._branches(*cases, lambda: None)

    def _on_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._read(target.id, node.lineno)
                self._bound.discard(target.id)
            else:
                self._expression(target)

    # What they are made of.

    def _bound_in(
        self, target: ast.AST, body: list[ast.stmt], guard: ast.expr | None = None
    ) -> None:
        self._store(target)
        if guard is not None:
            self._expression(guard)
        self.block(body)

    def _branches(self, *branches: Callable[[], None]) -> None:
        """What all of them assign is assigned; nothing of them is sure to run."""
        before, maybe, after = self._bound, self._maybe, []
        for branch in branches:
            self._bound, self._maybe = set(before), True
            branch()
            after.append(self._bound)
        self._bound, self._maybe = set.intersection(*after), maybe

    def _expression(self, node: ast.AST) -> None:
        """Reads in the order of the text, which is that of evaluation but for little."""
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self._read(node.id, node.lineno)
        elif isinstance(node, ast.NamedExpr):
            self._expression(node.value)
            self._store(node.target)
        elif isinstance(node, _BODIES):
            reads, stores = _compiled(node)
            self._read_all(reads)
            self._assign(*stores)
        else:
            for child in ast.iter_child_nodes(node):
                self._expression(child)

    def _store(self, target: ast.AST) -> None:
        """A target or a pattern: its names are assigned, what it indexes is read."""
        self._expression(target)
        for name in _stored(target):
            self._later.pop(name, None)
            self._bound.add(name)
            self._assign(name)

    def _read(self, name: str, line: int) -> None:
        if name in self._bound:
            self._read_all(self._later.pop(name, set()))
        elif name in self._defined or not hasattr(builtins, name):
            self.reads.setdefault(name)
            if not self._maybe:
                self.sure.setdefault(name, line)

    def _read_all(self, names: Iterable[str]) -> None:
        """Of a body, which may run or not."""
        maybe, self._maybe = self._maybe, True
        for name in sorted(names):
            self._read(name, 0)
        self._maybe = maybe

    def _assign(self, *names: str) -> None:
        for name in names:
            self.assigns.setdefault(name)


def _stored(node: ast.AST) -> Iterator[str]:
    """The names that a target or a pattern binds."""
    for child in ast.walk(node):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        elif type(child).__name__ in ("MatchAs", "MatchStar", "MatchMapping"):
            name = getattr(child, "name", None) or getattr(child, "rest", None)
            if name:
                yield name


def _compiled(node: Any) -> tuple[set[str], set[str]]:
    """Globals that a body reads, and those that it assigns: Python's own compiler knows."""
    whole: Any
    if isinstance(node, _DEFINITIONS):
        whole = compile(ast.Module([node], []), "cell", "exec", flags=_AWAIT, dont_inherit=True)
        codes = [code for code in whole.co_consts if isinstance(code, types.CodeType)]
    else:
        codes = [compile(ast.Expression(node), "cell", "eval", flags=_AWAIT, dont_inherit=True)]
    reads: set[str] = set()
    stores: set[str] = set()
    while codes:
        code = codes.pop()
        codes += [inner for inner in code.co_consts if isinstance(inner, types.CodeType)]
        for step in dis.get_instructions(code):
            if step.opname in (
                "LOAD_GLOBAL",
                "LOAD_NAME",
                "LOAD_FROM_DICT_OR_GLOBALS",
                "DELETE_GLOBAL",
            ):
                reads.add(step.argval)
            elif step.opname == "STORE_GLOBAL" or (
                step.opname == "STORE_NAME" and code.co_name == "<module>"
            ):
                stores.add(step.argval)
    return reads, stores
