"""What is installed here: modules and the versions of what they come from."""

from __future__ import annotations

import os
import sys
import sysconfig
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.metadata import Distribution


def versions(modules: Iterable[str]) -> dict[str, str]:
    """The version of each top-level module's distribution; "" where there is none here.

    Those of the standard library are left out.
    """
    wanted = {name for name in modules if not is_standard(name)}
    if not wanted:
        return {}
    from importlib.metadata import distributions

    found = dict.fromkeys(sorted(wanted), "")
    for distribution in distributions():
        for name in wanted & set(_tops(distribution)):
            found[name] = found[name] or distribution.version
    return found


def is_standard(module: str) -> bool:
    """Whether every CPython of this version has the module."""
    if sys.version_info >= (3, 10):
        return module in sys.stdlib_module_names
    if module in sys.builtin_module_names:
        return True
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return False
    folder = os.path.realpath(sysconfig.get_paths()["stdlib"]) + os.sep
    origin = os.path.realpath(spec.origin) if spec is not None and spec.origin else ""
    return origin.startswith(folder) and "-packages" + os.sep not in origin


def _tops(distribution: Distribution) -> Iterator[str]:
    listed = distribution.read_text("top_level.txt")
    if listed:
        yield from listed.split()
        return
    for line in (distribution.read_text("RECORD") or "").splitlines():
        top = line.partition(",")[0].partition("/")[0]
        yield top.partition(".")[0] if top.endswith((".py", ".so", ".pyd")) else top
