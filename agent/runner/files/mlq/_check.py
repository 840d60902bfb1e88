"""``mlq.check``: what a function imports, beside what the hosts have."""

from __future__ import annotations

import html
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from ._fleet import Environment, environments
from ._installed import versions
from ._pickle import PYTHON, imports_of
from ._table import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._http import Transport

FITS, DIFFERS, FAILS, UNKNOWN = "fits", "differs", "would fail", "unknown"


class Checked(NamedTuple):
    """An environment of a host, and what is to be said of it.

    ``verdict`` is "fits", "differs" (other versions, which may do), "would fail" (a
    module is missing or of another major version, another Python), or "unknown" (the
    host has not told what it has). ``notes`` are the reasons.
    """

    host: str
    name: str
    python: str
    verdict: str
    notes: tuple[str, ...]


class Check(NamedTuple):
    """What ``mlq.check`` found.

    ``modules`` are the installed modules that the function imports, with their versions
    here ("" where they are not installed here); ``sent`` the local ones that go along.
    """

    function: str
    modules: dict[str, str]
    sent: tuple[str, ...]
    environments: tuple[Checked, ...]

    @property
    def ok(self) -> bool:
        """Whether there is an environment in which nothing speaks against it."""
        return any(env.verdict in (FITS, DIFFERS) for env in self.environments)

    def __repr__(self) -> str:
        lines = [self._head()]
        if not self.environments:
            lines.append("  no host has an environment that was asked for")
        for env in self.environments:
            notes = f": {'; '.join(env.notes)}" if env.notes else ""
            where = f"{env.name} on {env.host} (Python {env.python})"
            lines.append(harmless(f"  {where} {env.verdict}{notes}"))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr>"
            + "".join(f"<td style='text-align:left'>{_escaped(c)}</td>" for c in row)
            + "</tr>"
            for row in (
                (env.host, env.name, env.python, env.verdict, "; ".join(env.notes))
                for env in self.environments
            )
        )
        names = ("host", "environment", "Python", "verdict", "why")
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in names)
        return f"<p>{_escaped(self._head())}</p><table><tr>{head}</tr>{rows}</table>"

    def _head(self) -> str:
        used = ", ".join(
            f"{name} {version or '(not here)'}" for name, version in self.modules.items()
        )
        sent = f"; sent along: {', '.join(self.sent)}" if self.sent else ""
        return f"{self.function}: Python {PYTHON}; it imports {used or 'nothing installed'}{sent}"


Check.__module__ = Checked.__module__ = "mlq"


def check(transport: Transport, fn: Callable[..., Any], request: Mapping[str, Any]) -> Check:
    """Compare what ``fn`` imports with the environments that the request means."""
    function, sent, others = imports_of(fn, request.get("modules", True))
    modules = versions(others)
    return Check(
        function,
        modules,
        sent,
        tuple(judged(env, modules) for env in environments(transport) if _is_meant(env, request)),
    )


def _is_meant(env: Environment, request: Mapping[str, Any]) -> bool:
    if request.get("host", env.host) != env.host:
        return False
    if any(env.labels.get(name) != text for name, text in request.get("labels", {}).items()):
        return False
    python = request.get("python")
    if python is None or python in (env.name, env.path):
        return True
    return os.path.basename(python) == python and (env.version + ".").startswith(python + ".")


def judged(env: Environment, modules: Mapping[str, str]) -> Checked:
    """Pure: what is to be said of an environment. The worst that is found decides."""
    fails = [env.problem] if env.problem else []
    differs: list[str] = []
    if _start(env.version, 2) != _start(PYTHON, 2):
        fails.append(f"a call of Python {PYTHON} runs on {_start(PYTHON, 2)} only")
    elif env.version != PYTHON:
        differs.append(f"Python {env.version}, here {PYTHON}")
    for module, here in modules.items():
        _compare(module, here, env, fails, differs)
    verdict = FAILS if fails else UNKNOWN if env.modules is None else DIFFERS if differs else FITS
    if verdict == UNKNOWN:
        differs.append("the host has not told which modules it has")
    return Checked(env.host, env.name, env.version, verdict, (*fails, *differs))


def _compare(
    module: str, here: str, env: Environment, fails: list[str], differs: list[str]
) -> None:
    there = env.version_of(module)
    if there is None:
        return
    if there == "" and here == "":
        differs.append(f"{module} is neither here nor there")
    elif there == "":
        fails.append(f"{module} is missing")
    elif here and _start(here, 1) != _start(there, 1):
        fails.append(f"{module} {there}, here {here}: another major version")
    elif here and here != there:
        differs.append(f"{module} {there}, here {here}")


def _start(version: str, parts: int) -> str:
    return ".".join(version.split(".")[:parts])


def _escaped(text: str) -> str:
    return html.escape(harmless(text))
