"""Where a module is that a job did not find: what hosts report of their environments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._errors import MlqError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ._http import Transport

# Modules of which agents report the version, as fields of an environment.
_REPORTED = frozenset({"cloudpickle", "numpy", "torch"})
_MOST = 5  # environments that are named


def explained(transport: Transport, error: ModuleNotFoundError) -> ModuleNotFoundError:
    """The error with the environments that have the module, as far as that is known."""
    module = (error.name or "").partition(".")[0]
    if not module:
        return error
    try:
        found = transport.request("GET", "/hosts", patience=0.0).json()
        words = _words(module, list(_environments(found["hosts"])))
    except (MlqError, LookupError, TypeError):
        return error  # it is as true without
    if not words:
        return error
    better = ModuleNotFoundError(f"{error}; {words}", name=error.name, path=error.path)
    better.__cause__ = error.__cause__
    return better


def _environments(hosts: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for host in hosts:
        for env in host["environments"]:
            version = ".".join(str(env.get("version", "?")).split(".")[:2])
            yield f"{env['name']!r} on {host['host']} (Python {version})", env


def _words(module: str, environments: list[tuple[str, dict[str, Any]]]) -> str:
    if module not in _REPORTED:
        if len(environments) < 2:
            return ""
        return f"there are the environments {_listed(place for place, _ in environments)}"
    having = [place for place, env in environments if env.get(module)]
    if not having:
        return "no environment of any host has it"
    return f"{module} is in {_listed(having)}"


def _listed(places: Iterable[str]) -> str:
    names = sorted(places)
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
