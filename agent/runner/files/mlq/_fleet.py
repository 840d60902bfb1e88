"""The Python environments of all hosts, as they were reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._errors import MlqError

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
    found = transport.request("GET", "/hosts", query={"modules": "true"}, patience=patience).json()
    try:
        return list(_read(found["hosts"]))
    except (LookupError, TypeError, AttributeError) as err:
        raise MlqError("the server did not answer with a list of hosts") from err


def _read(hosts: list[dict[str, Any]]) -> Iterator[Environment]:
    for host in hosts:
        for env in host["environments"]:
            yield Environment(
                host["host"],
                env["name"],
                env.get("path", ""),
                str(env.get("version", "")),
                env.get("problem", ""),
                host.get("labels") or {},
                env.get("modules"),
                {name: env[name] for name in _ALWAYS if env.get(name)},
            )
