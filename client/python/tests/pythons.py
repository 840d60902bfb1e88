"""The other interpreters of this machine, each with an environment of its own."""

from __future__ import annotations

import glob
import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import cloudpickle
import urllib3

REPOSITORY = Path(__file__).parents[3]
SOURCE = REPOSITORY / "client/python/src"
MINORS = [(3, minor) for minor in range(9, 14)]


class Python(NamedTuple):
    """An interpreter; of ``others`` in an environment with what a client and a job need."""

    minor: str  # "3.12"
    path: Path


def candidates() -> list[Path]:
    """Where interpreters may be: MLQ_TEST_PYTHONS, pyenv's, and those of the PATH."""
    named = os.environ.get("MLQ_TEST_PYTHONS")
    if named:
        return [Path(path) for path in named.split(os.pathsep) if path]
    pyenv = shutil.which("pyenv")
    root = os.environ.get("PYENV_ROOT", "~/.pyenv")
    if pyenv:
        root = subprocess.check_output([pyenv, "root"], text=True).strip()
    found = sorted(glob.glob(os.path.expanduser(f"{root}/versions/*/bin/python")))
    found += [shutil.which(f"python{a}.{b}") or "" for a, b in MINORS]
    return [Path(path) for path in found if path]


def minor_of(path: Path) -> str:
    """Its "3.12", or "" where it does not start."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([path, "-I", "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def one_of_each() -> list[Python]:
    """An interpreter for each of MINORS that this machine has; none of them is furnished."""
    paths: dict[str, Path] = {}
    for path in candidates():
        paths.setdefault(minor_of(path), path)
    names = [f"{a}.{b}" for a, b in MINORS]
    return [Python(name, paths[name]) for name in names if name in paths]


def others(folder: Path) -> tuple[list[Python], dict[str, str]]:
    """One environment per further minor, and for the rest of MINORS why there is none."""
    paths = {python.minor: python.path for python in one_of_each()}
    made, missing = [], {}
    for a, b in MINORS:
        minor = f"{a}.{b}"
        if (a, b) == sys.version_info[:2]:
            continue
        if minor not in paths:
            missing[minor] = "is not on this machine"
            continue
        environment = folder / f"py{a}{b}"
        subprocess.run(
            [paths[minor], "-m", "venv", "--without-pip", environment], check=True, timeout=60
        )
        python = Python(minor, environment / "bin" / "python")
        problem = furnish(environment, python)
        if problem:
            missing[minor] = problem
        else:
            made.append(python)
    return made, missing


def furnish(environment: Path, python: Python) -> str:
    """Give it cloudpickle and urllib3, which are pure Python; what is wrong with that, or ""."""
    (site,) = environment.glob("lib/python3*/site-packages")
    wheels = sorted((REPOSITORY / ".tools/wheels").glob("urllib3-*.whl"))
    for package in (cloudpickle, urllib3):
        _copy(Path(str(package.__file__)).parent, site)
    if not imports(python) and wheels:  # the oldest that is packed for old Pythons
        shutil.rmtree(site / "urllib3")
        zipfile.ZipFile(wheels[0]).extractall(site)
    return (
        ""
        if imports(python)
        else f"urllib3 {importlib.metadata.version('urllib3')} does not run on it"
    )


def _copy(package: Path, site: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in (package, *package.parent.glob(f"{package.name}-*.dist-info")):
        shutil.copytree(folder, site / folder.name, ignore=ignored)


def imports(python: Python) -> bool:
    """Whether a client can be made."""
    return run(python, "import mlq; mlq.Client('http://127.0.0.1:1')").returncode == 0


def run(python: Python, code: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a script of a user, of which this client is the package."""
    env = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = [str(python.path), "-c", code, *args]
    return subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=120, check=False
    )
