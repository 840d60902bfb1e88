"""A ``%%gpu`` cell before it is sent: read, checked, and what it takes and gives.

What would fail for certain fails here and now, and not after an hour in the queue.
"""

from __future__ import annotations

import ast
import builtins
import io
import tokenize
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _names
from ._binding import nearest
from ._imports import of_tree
from ._local import find

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_FUTURES = 0x1FF0000  # compiler flags of `from __future__ import …`
_ENDS = (tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.ENDMARKER)


class Refused(Exception):
    """The cell cannot be a job; the text says why, in one line."""


class CellSyntaxError(Exception):
    """The cell is no Python. IPython shows a SyntaxError of a magic with the magic's own frames."""


class CellCode(NamedTuple):
    """A cell that can be sent. ``silent``: it ends in a semicolon."""

    source: str
    names: _names.Names
    modules: list[str]
    silent: bool


def read(shell: Any, file: str, line: str, body: str) -> CellCode:
    """Raises CellSyntaxError, NameError and Refused, with the cell's lines."""
    source = f"%%gpu {line}".rstrip() + "\n" + body
    text = "\n" + body  # each line has the number that it has in the cell
    try:
        tree = ast.parse(text, file)
        compile(tree, file, "exec", flags=flags_of(shell) | _AWAIT, dont_inherit=True)
    except SyntaxError as err:
        _refuse_magics(shell, body)
        text = "".join(traceback.format_exception_only(SyntaxError, err)).rstrip()
        raise CellSyntaxError(text) from None
    _refuse_ipython(tree)
    names = _names.of_cell(tree, shell.user_ns)
    _refuse_unknown(names, shell.user_ns, file)
    modules = sorted(name for name in of_tree(tree, "") if find(name))
    return CellCode(source, names, modules, _is_silent(body))


def flags_of(shell: Any) -> int:
    """The notebook's ``from __future__`` imports."""
    return int(shell.compile.flags) & _FUTURES


def _refuse_magics(shell: Any, body: str) -> None:
    """Say so where it is IPython's syntax that Python does not know."""
    transformed = shell.transform_cell(body)
    try:
        ast.parse(transformed)
    except SyntaxError:
        return
    for number, (ours, theirs) in enumerate(zip(body.splitlines(), transformed.splitlines()), 2):
        if ours.rstrip() != theirs.rstrip():
            raise Refused(
                f"line {number}, {ours.strip()!r}, is for IPython, which a job has not: "
                'write Python (subprocess.run("…", shell=True) for a command)'
            )


def _refuse_ipython(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "get_ipython":
            raise Refused(f"line {node.lineno}: get_ipython is not there in a job")


def _refuse_unknown(names: _names.Names, space: Mapping[str, Any], file: str) -> None:
    for name, line in names.sure.items():
        if name not in space and name not in names.assigns:
            known = [other for other in space if not other.startswith("_")]
            raise NameError(
                f"name {name!r} is not defined, neither here nor in the cell "
                f"({file}, line {line}){nearest(name, [*known, *dir(builtins)])}"
            )


def _is_silent(body: str) -> bool:
    """Whether the last statement ends in a semicolon, as IPython has it."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(body).readline))
    except (tokenize.TokenError, IndentationError):
        return False
    kept = [token for token in tokens if token.type not in _ENDS and token.string.strip()]
    return bool(kept) and kept[-1].type == tokenize.OP and kept[-1].string == ";"


def taken(code: CellCode, space: Mapping[str, Any], wanted: Sequence[str] | None) -> dict[str, Any]:
    """The values that go along: those that the cell reads, or those that were ``wanted``."""
    if wanted is None:
        return {name: space[name] for name in code.names.reads if name in space}
    for name in wanted:
        if name not in space:
            raise Refused(f"-i: there is no {name!r} in the notebook{nearest(name, list(space))}")
    return {name: space[name] for name in wanted}


def given(code: CellCode, wanted: Sequence[str] | None) -> list[str]:
    """The names that come back: those that the cell assigns, or those that were ``wanted``."""
    if wanted is None:
        return [name for name in code.names.assigns if not name.startswith("__")]
    known = [*code.names.assigns, *code.names.reads]
    for name in wanted:
        if name not in known:
            raise Refused(f"-o: the cell neither assigns nor reads {name!r}{nearest(name, known)}")
    return list(wanted)
