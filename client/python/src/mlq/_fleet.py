"""The Python environments of all hosts, as they were reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._answers import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ._http import Transport

_ALWAYS = frozenset({"cloudpickle", "numpy", "torch"})  # reported also where ``modules`` is not


class Environment(NamedTuple):
    """One environment. ``modules`` is None where its host has not told which it has."""

    host: str
    name: str
    path: str
    version: str
    problem: str
    labels: Mapping[str, str]
    modules: Mapping[str, str] | None
    always: Mapping[str, str]

    def version_of(self, module: str) -> str | None:
        """The version of a top-level module; "" where it is missing, None where nobody knows."""
        if module in _ALWAYS:
            return self.always.get(module, "")
        return None if self.modules is None else self.modules.get(module, "")

    def __str__(self) -> str:
        minor = ".".join(self.version.split(".")[:2])
        return f"{self.name!r} on {self.host} (Python {minor})"


def environments(transport: Transport, patience: float = 5.0) -> list[Environment]:
    """All of them, by host. Raises MlqError, and Unavailable after ``patience`` seconds."""
    query = {"modules": "true"}
    found = transport.request("GET", "/hosts", query=query, patience=patience).object()
    with reading("list of hosts"):
        return list(_read(found["hosts"]))


def _read(hosts: list[dict[str, Any]]) -> Iterator[Environment]:
    for host in hosts:
        for env in host["environments"]:
            yield Environment(
                str(host["host"]),
                str(env["name"]),
                str(env.get("path", "")),
                str(env.get("version", "")),
                str(env.get("problem", "")),
                _texts(host.get("labels") or {}),
                None if env.get("modules") is None else _texts(env["modules"]),
                {name: str(env[name]) for name in _ALWAYS if env.get(name)},
            )


def _texts(told: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(text) for name, text in told.items()}
