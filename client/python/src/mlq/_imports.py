"""Which modules code imports, also within functions, without running any of it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import types
    from collections.abc import Iterable, Iterator

_CALLS = ("import_module", "__import__")


def of_tree(tree: ast.AST, package: str) -> set[str]:
    """The imports of a module's tree. ``package`` is what relative ones are relative to.

    ``from a import b`` gives ``a`` and ``a.b``, for ``b`` may be a module.
    """
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            found.update(_from(node.module or "", names, node.level, package))
        elif isinstance(node, ast.Call):
            found.update(_called(node))
    return found


def _called(node: ast.Call) -> Iterator[str]:
    """``importlib.import_module("a.b")``, where the name stands in the source."""
    name = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
    first = node.args[0] if node.args else None
    text = first.value if isinstance(first, ast.Constant) else None
    if name in _CALLS and isinstance(text, str) and not text.startswith("."):
        yield text


def of_codes(codes: Iterable[types.CodeType], package: str) -> set[str]:
    """The imports of code objects, each by itself: what is nested stands in the list too."""
    from opcode import opmap

    importing = opmap["IMPORT_NAME"]
    found: set[str] = set()
    for code in codes:
        if importing in code.co_code[::2]:
            found.update(_of_code(code, package))
    return found


def _of_code(code: types.CodeType, package: str) -> Iterator[str]:
    import dis

    last: list[object] = [0, None]  # what was pushed last: the level, then the names
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            level, names = last
            yield from _from(
                str(instruction.argval),
                names if isinstance(names, tuple) else (),
                level if isinstance(level, int) else 0,
                package,
            )
        last = [last[1], instruction.argval]


def _from(module: str, names: Iterable[str], level: int, package: str) -> Iterator[str]:
    base = _resolve(module, level, package)
    if base:
        yield base
        yield from (f"{base}.{name}" for name in names if name != "*")


def _resolve(module: str, level: int, package: str) -> str:
    if level == 0:
        return module
    parts = package.split(".")
    if not package or level > len(parts):
        return ""
    parent = ".".join(parts[: len(parts) - level + 1])
    return f"{parent}.{module}" if module else parent
