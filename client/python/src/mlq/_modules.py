"""Where a module is that a job did not find, and what can be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._errors import MlqError
from ._fleet import Environment, environments
from ._local import find

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._http import Transport

_MOST = 5  # environments that are named


def explained(transport: Transport, error: ModuleNotFoundError) -> ModuleNotFoundError:
    """The error with the environments that have the module, and how a local one is sent."""
    module = (error.name or "").partition(".")[0]
    if not module:
        return error
    try:
        words = _words(module, environments(transport, patience=0.0))
    except MlqError:
        words = ""  # the error is as true without
    if find(module) is not None:
        words = f"it is a local module here: modules=[{module!r}] sends it along"
    if not words:
        return error
    better = ModuleNotFoundError(f"{error}; {words}", name=error.name, path=error.path)
    better.__cause__ = error.__cause__
    return better


def _words(module: str, known: list[Environment]) -> str:
    having = [env for env in known if env.version_of(module)]
    if having:
        return f"{module} is in {_listed(having)}"
    if any(env.version_of(module) is None for env in known):
        return f"there are the environments {_listed(known)}" if len(known) > 1 else ""
    return (
        "no environment of any host has it: it has to be installed there. Modules are sent along "
        "that lie beside the notebook, not those that are installed here"
    )


def _listed(places: Iterable[Environment]) -> str:
    names = sorted(map(str, places))
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
