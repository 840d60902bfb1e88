"""What is loaded of a module and is not what stands in its file.

A job gets the file. Where the file was edited after the import, or an
attribute was set from outside, the same call would do something else here: that
is worth a warning, by name.
"""

from __future__ import annotations

import ast
import inspect
import types
from importlib.machinery import SourceFileLoader
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN = (bool, int, float, str, bytes, type(None))


class Content(NamedTuple):
    """What a file defines: code by qualified name, and constants."""

    codes: dict[str, list[Any]]
    constants: dict[str, Any]


def content_of(tree: ast.Module, path: str) -> Content:
    """What the source of a module defines. Raises SyntaxError and ValueError."""
    codes: dict[str, list[Any]] = {}
    _collect(compile(tree, path, "exec", dont_inherit=True), "", codes)
    return Content(codes, _constants(tree))


def _collect(code: types.CodeType, prefix: str, codes: dict[str, list[Any]]) -> None:
    """Functions and the methods of classes. Two of one name: either will do."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            name = prefix + constant.co_name
            codes.setdefault(name, []).append(_shape(constant))
            _collect(constant, name + ".", codes)


def _shape(code: types.CodeType) -> Any:
    """All of the code but where it stands."""
    constants = _comparable(code.co_consts)
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants


def _comparable(constant: Any) -> Any:
    """A constant with its type: 1 is not True, and a set has no order, which its repr has."""
    if isinstance(constant, types.CodeType):
        return _shape(constant)
    if isinstance(constant, tuple):
        return tuple, tuple(_comparable(c) for c in constant)
    if isinstance(constant, frozenset):
        return frozenset, sorted(repr(_comparable(c)) for c in constant)
    return type(constant), repr(constant)


def _constants(tree: ast.Module) -> dict[str, Any]:
    """``NAME = literal``, where the module gives the name no other value."""
    stored: dict[str, int] = {}
    changing: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            stored[node.id] = stored.get(node.id, 0) + 1
        elif isinstance(node, ast.Global):
            changing.update(node.names)
    return {
        name: value for name, value in _assigned(tree) if stored[name] == 1 and name not in changing
    }


def _assigned(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
        elif isinstance(node, ast.AnnAssign):
            target = node.target
        else:
            continue
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant):
            yield target.id, node.value.value


def differing(module: types.ModuleType, path: str, content: Content) -> list[str]:
    """Names of what is loaded and stands otherwise in the file, sorted; none where a hook
    of somebody else made the module of it.
    """
    if type(getattr(module, "__loader__", None)) is not SourceFileLoader:
        return []
    found = [
        name
        for name, function in _functions(module, path)
        if _shape(function.__code__) not in content.codes.get(name, [])
    ]
    for name, value in content.constants.items():
        loaded = vars(module).get(name, value)
        if type(loaded) in _PLAIN and (type(loaded), loaded) != (type(value), value):
            found.append(name)
    return sorted(found)


def _functions(module: types.ModuleType, path: str) -> Iterator[tuple[str, types.FunctionType]]:
    """The module's own functions and methods that stand in that file, as far as they are seen."""
    for name, value in list(vars(module).items()):
        if isinstance(value, type) and value.__module__ == module.__name__:
            for key, member in list(vars(value).items()):
                yield from _function(f"{value.__qualname__}.{key}", member, path)
        else:
            yield from _function(name, value, path)


def _function(name: str, value: Any, path: str) -> Iterator[tuple[str, types.FunctionType]]:
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if callable(value) and hasattr(value, "__wrapped__"):
        value = inspect.unwrap(value)
    if not isinstance(value, types.FunctionType) or value.__qualname__ != name:
        return
    if value.__code__.co_filename == path:
        yield name, value
