"""The job of a ``%%gpu`` cell: runs its code, and hands back what it shows and what it made.

Code runs in a namespace of its own, that of the functions which came along: so these see
what the cell assigns, as they would in the notebook.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import linecache
import os
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _mime
from ._groups import Group, load, pack

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_NO_WINDOW = r".*(non-interactive|non-GUI backend)"  # what plt.show() says of a backend for files


class Cell(NamedTuple):
    """A cell on its way, with the line of its magic, so that lines have their numbers.

    ``give`` are the names that are to come back, ``anchor`` is any function of the notebook: its
    globals become the job's. ``silent``: the last value is not shown.
    """

    source: str
    file: str
    give: list[str]
    anchor: Callable[[], None]
    flags: int
    silent: bool


class CellResult:
    """What a ``%%gpu`` cell handed back: ``value`` and ``shown`` as MIME bundles, and its names."""

    def __init__(
        self,
        value: dict[str, Any] | None,
        shown: list[dict[str, Any]],
        groups: list[Group],
        left: dict[str, str],
    ) -> None:
        self.value = value
        self.shown = shown
        self.groups = groups
        self.left = left

    def names(self) -> dict[str, Any]:
        """The values that came back, by name; without those that cannot be rebuilt here."""
        return load(self.groups)[0]

    def __repr__(self) -> str:
        if self.value is not None:
            return str(self.value.get("text/plain", ""))
        names = [name for group in self.groups for name in group.names]
        return f"names: {', '.join(names)}" if names else "no value"


def run(cell: Cell, /, **names: Any) -> CellResult:
    """Run a cell with these names of the notebook. Raises what it raises, with its lines."""
    _show_source(cell)
    tree = ast.parse("\n" + cell.source.partition("\n")[2], cell.file)  # without %%gpu
    body, last = _split(_OwnDisplay().visit(tree))
    space = cell.anchor.__globals__
    shown: list[dict[str, Any]] = []
    space.update(names)
    space["display"] = lambda *objects: shown.extend(map(_mime.bundle_of, objects))
    _prepare_figures()
    value = _execute(cell, body, last, space)
    figures = _mime.figures()
    has_value = value is not None and not cell.silent and not _mime.is_shown(value, figures)
    bundle = _mime.bundle_of(value) if has_value else None
    shown += [figure.bundle for figure in figures]
    made = {name: space[name] for name in cell.give if name in space}
    return CellResult(bundle, shown, *pack(made))


def _show_source(cell: Cell) -> None:
    lines = [line + "\n" for line in cell.source.splitlines()]
    linecache.cache[cell.file] = (len(cell.source), None, lines, cell.file)


class _OwnDisplay(ast.NodeTransformer):
    """Leaves ``display`` out of what is imported: IPython's own would only print here."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        """``from IPython.display import display, HTML`` without its first name."""
        if node.module != "IPython.display":
            return node
        node.names = [name for name in node.names if (name.name, name.asname) != ("display", None)]
        return node if node.names else ast.copy_location(ast.Pass(), node)


def _split(tree: ast.Module) -> tuple[ast.Module, ast.Expression | None]:
    """The statements, and the last one where it is an expression: its value is shown."""
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        return tree, None
    del tree.body[-1]
    return tree, ast.Expression(last.value)


def _execute(
    cell: Cell, body: ast.Module, last: ast.Expression | None, space: dict[str, Any]
) -> Any:
    """The last expression's value. One event loop for all that is awaited."""
    codes = [compile(body, cell.file, "exec", flags=cell.flags | _AWAIT, dont_inherit=True)]
    if last is not None:
        codes.append(compile(last, cell.file, "eval", flags=cell.flags | _AWAIT, dont_inherit=True))
    if not any(code.co_flags & inspect.CO_COROUTINE for code in codes):
        values = [eval(code, space) for code in codes]  # noqa: S307  # that is the job
        return values[-1]
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_awaited(codes, space))
    except BaseException as err:  # noqa: BLE001
        raise err.with_traceback(_from(cell.file, err.__traceback__))  # noqa: B904  # it is err
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _from(file: str, trace: TracebackType | None) -> TracebackType | None:
    """From the first frame of this file on, without the event loop's; all where there is none."""
    first = trace
    while first is not None and first.tb_frame.f_code.co_filename != file:
        first = first.tb_next
    return first or trace


async def _awaited(codes: list[Any], space: dict[str, Any]) -> Any:
    value = None
    for code in codes:
        value = eval(code, space)  # noqa: S307
        if code.co_flags & inspect.CO_COROUTINE:
            value = await value
    return value


def _prepare_figures() -> None:
    """Matplotlib, if the cell imports it, draws without a screen and says nothing of that."""
    os.environ.setdefault("MPLBACKEND", "agg")
    warnings.filterwarnings("ignore", _NO_WINDOW, UserWarning)
