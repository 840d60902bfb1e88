"""The wheel, installed as users do, without an index, on each interpreter of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

import pythons
from conftest import REPOSITORY, Server, dev
from pythons import Python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHEELS = REPOSITORY / ".tools" / "wheels"  # what the package needs; `make` fetches them once
WANTED = 3  # minors, this one's among them

USED = """
import sys
import mlq

assert "site-packages" in mlq.__file__, mlq.__file__
with mlq.Client(sys.argv[1]) as lab:
    assert lab.submit(lambda x: (x + 1, sys.version_info[:2]), 41).result(60, stream=False) == (
        42, sys.version_info[:2])
print("ran", *sys.version_info[:2])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source, by what ``pip install ./client/python`` builds it with."""
    folder = tmp_path_factory.mktemp("wheel")
    source = REPOSITORY / "client" / "python"
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True, timeout=60)
    (built,) = folder.glob("mlq_gpu-*-py3-none-any.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Python]:
    """An environment with nothing but the wheel and what it needs, of each minor."""
    assert list(WHEELS.glob("*.whl")), "make .tools/wheels/.made fetches what the package needs"
    folder = tmp_path_factory.mktemp("installed")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = list(pool.map(lambda p: _install(p, wheel, folder), pythons.one_of_each()))
    assert len(made) >= WANTED, [python.minor for python in made]
    return made


def _install(found: Python, wheel: Path, folder: Path) -> Python:
    environment = folder / found.minor
    subprocess.run([found.path, "-m", "venv", "--without-pip", environment], check=True, timeout=60)
    python = Python(found.minor, environment / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", str(python.path)]
    command = [*pip, "install", "--quiet", "--no-compile", "--no-index"]
    command += ["--find-links", str(WHEELS), str(wheel)]
    subprocess.run(command, check=True, timeout=120)
    return python


@pytest.fixture(scope="module")
def lab(installed: list[Python], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose jobs run in those environments."""
    environments = [f"py{python.minor}={python.path}" for python in installed]
    with dev(tmp_path_factory.mktemp("lab"), "cpu:2", environments) as made:
        yield made


def test_each_submits(installed: list[Python], lab: Server) -> None:
    for python in installed:
        done = _run(python, "-c", USED, lab.url)
        assert done.stdout.split() == ["ran", *python.minor.split(".")], done.stderr
        assert done.stderr == ""


def test_each_is_typed_and_asks_in_a_shell(installed: list[Python], lab: Server) -> None:
    for python in installed:
        (package,) = python.path.parent.parent.glob("lib/python3*/site-packages/mlq")
        assert (package / "py.typed").is_file()
        done = _run(python, "-m", "mlq", "status", MLQ_URL=lab.url)
        assert "of 2 devices free" in done.stdout, done.stderr


def _run(python: Python, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """What a user's program does, who has no checkout of this repository."""
    return subprocess.run(
        [str(python.path), *words],
        env={**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, **env},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
