"""The public face: its names, their documentation, and what importing it costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mlq
from conftest import REPOSITORY

PACKAGE = Path(mlq.__file__ or "").parent
PAGE = REPOSITORY / "docs" / "python.md"


def test_all_names_are_there_and_are_documented() -> None:
    for name in mlq.__all__:
        value = getattr(mlq, name)
        if name != "__version__":
            assert value.__doc__, f"mlq.{name} has no docstring"
            if isinstance(value, type) and name != "Context":
                assert value.__module__ == "mlq", "tracebacks shall show it where users find it"


def test_public_methods_are_documented() -> None:
    for kind in (mlq.Client, mlq.Job, mlq.JobList, mlq.Submitter, mlq.Context):
        for name, method in vars(kind).items():
            if not name.startswith("_") and callable(method):
                assert method.__doc__, f"{kind.__name__}.{name} has no docstring"


def test_the_lazy_table_agrees_with_the_types() -> None:
    """What a type checker sees is what is there."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    (typed,) = (
        node for node in tree.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name)
    )
    names = {
        alias.name: str(node.module)
        for node in typed.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert names == mlq._HOME
    assert sorted([*names, "__version__"]) == sorted(mlq.__all__) == dir(mlq)


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sumbit'"):
        mlq.sumbit  # type: ignore[attr-defined]  # noqa: B018


def test_the_page_has_every_name() -> None:
    page = PAGE.read_text()
    headings = set(re.findall(r"^#{2,4} `mlq\.(\w+)", page, re.M))
    rows = set(re.findall(r"^\| `(?:mlq\.)?(\w+)", page, re.M))
    documented = headings | rows
    assert set(mlq.__all__) - {"__version__"} <= documented


def test_the_page_has_every_method_of_a_job() -> None:
    page = PAGE.read_text()
    for name in vars(mlq.Job):
        if not name.startswith("_"):
            assert re.search(rf"`(?:job)?\.?{name}\b", page), f"Job.{name}"


def test_the_page_has_every_request_field() -> None:
    from mlq._request import FIELDS

    table = PAGE.read_text()
    for field in FIELDS:
        assert f"| `{field}` |" in table, field


def imported(code: str) -> set[str]:
    """The modules that a fresh interpreter has after some code."""
    script = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_costs_next_to_nothing() -> None:
    ours = {"mlq", "mlq._version"}
    assert {m for m in imported("import mlq") if m.split(".")[0] == "mlq"} == ours
    assert not imported("import mlq") & {"urllib3", "cloudpickle", "asyncio", "email", "ssl"}


def test_a_client_needs_no_more_than_it_uses() -> None:
    heavy = {"numpy", "torch", "IPython", "asyncio", "tqdm", "multiprocessing", "requests"}
    assert not imported("import mlq; mlq.Client()") & heavy


def test_the_job_side_needs_nothing_but_the_standard_library() -> None:
    assert "urllib3" not in imported("import mlq; mlq.progress, mlq.context, mlq.Cancelled")


def test_the_version_comes_from_one_place() -> None:
    found = [
        path.name
        for path in PACKAGE.glob("*.py")
        if re.search(r"^__version__ =", path.read_text(), re.M)
    ]
    assert found == ["_version.py"]
    assert 'path = "src/mlq/_version.py"' in (PACKAGE.parents[1] / "pyproject.toml").read_text()
