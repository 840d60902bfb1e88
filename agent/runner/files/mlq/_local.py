"""Which modules are local: importable here, and of no installation.

A module is local when its file lies neither in the standard library nor in a
folder that an installer fills (``site-packages``, ``dist-packages``, or any
with ``*.dist-info`` in it). So what lies beside a notebook or script, below
PYTHONPATH, and an editable install are local: their code is in somebody's
hands, and a host has either none of it or an older one.
"""

from __future__ import annotations

import functools
import glob
import os
import site
import sys
import sysconfig
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from ._errors import NotSerializable, TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FILES = 4000  # of one package
OF_THE_RUNNER = frozenset({"mlq", "cloudpickle", "__main__", "__mp_main__"})
_INSTALLED = ("site-packages", "dist-packages")
_CODE = (".py", ".pyi", *EXTENSION_SUFFIXES)
_LEFT_OUT = (".pyc", ".pyo", ".ipynb")
_FOLDERS_LEFT_OUT = (".egg-info", ".dist-info")


class Unit(NamedTuple):
    """What travels together: a module's file, or the whole folder of a package."""

    name: str
    path: str
    is_package: bool


class File(NamedTuple):
    """A file of a unit: its name in the archive, where it lies, and how it was then."""

    name: str
    path: str
    size: int  # bytes
    stamp: tuple[int, int, int]  # time of modification, size, inode

    @property
    def is_code(self) -> bool:
        """Whether it is imported, rather than read."""
        return self.path.endswith(_CODE)


def find(name: str) -> Unit | None:
    """The local unit that a module belongs to, without importing anything.

    None where it is installed, built in, not a file (in a zip), or not there.
    A folder without ``__init__.py`` is no unit: what is used in it is found by itself.
    """
    parts = name.split(".")
    if parts[0] in OF_THE_RUNNER or parts[0] in sys.builtin_module_names:
        return None
    within: list[str] | None = None
    for count in range(1, len(parts) + 1):
        part = ".".join(parts[:count])
        spec = _spec_of(part, within)
        if spec is None:
            return None
        if spec.origin and spec.has_location:
            return _unit(part, spec.origin, is_package=spec.submodule_search_locations is not None)
        if spec.submodule_search_locations is None:
            return None
        within = list(spec.submodule_search_locations)
    return None


def _spec_of(name: str, within: list[str] | None) -> ModuleSpec | None:
    loaded = getattr(sys.modules.get(name), "__spec__", None)
    if isinstance(loaded, ModuleSpec):
        return loaded
    try:
        return find_spec(name) if within is None else PathFinder.find_spec(name, within)
    except (ImportError, ValueError, AttributeError):  # what a finder of somebody else may raise
        return None


def _unit(name: str, origin: str, *, is_package: bool) -> Unit | None:
    if not is_local(origin):
        return None
    return Unit(name, os.path.dirname(origin) if is_package else origin, is_package)


@functools.lru_cache(maxsize=4096)
def is_local(path: str) -> bool:
    """Whether a module's file is in nobody's installation."""
    real = os.path.realpath(path)
    if not os.path.isfile(real):
        return False
    return not any(_is_installed(place) for place in {os.path.abspath(path), real})


def _is_installed(path: str) -> bool:
    if any(f"{os.sep}{folder}{os.sep}" in path for folder in _INSTALLED):
        return True
    if path.startswith(_roots()):
        return True
    return _is_target(os.path.dirname(path)) or _is_target(os.path.dirname(os.path.dirname(path)))


@functools.lru_cache(maxsize=1)
def _roots() -> tuple[str, ...]:
    """The standard library and where installers put things, of this interpreter."""
    paths = sysconfig.get_paths()
    folders = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders += [os.path.dirname(os.__file__), site.getusersitepackages()]
    folders += getattr(site, "getsitepackages", list)()
    both = {place for folder in folders for place in (folder, os.path.realpath(folder))}
    return tuple(place + os.sep for place in sorted(both))


@functools.lru_cache(maxsize=1024)
def _is_target(folder: str) -> bool:
    """Whether ``pip install --target`` made the folder."""
    return bool(glob.glob(os.path.join(glob.escape(folder), "*.dist-info")))


def files_of(unit: Unit) -> Iterator[File]:
    """The files of a unit, in an order that depends on their names alone.

    Raises NotSerializable where one cannot be read, TooLarge where there are too many.
    """
    base = unit.name.replace(".", "/")
    try:
        if not unit.is_package:
            yield _file(base + _ending(unit.path), unit.path, os.stat(unit.path))
            return
        for count, file in enumerate(_walk(unit.path, base)):
            if count == MAX_FILES:
                raise TooLarge(
                    f"the package {unit.name} in {unit.path} has more than {MAX_FILES:,} files"
                )
            yield file
    except OSError as err:
        raise NotSerializable(f"cannot send the module {unit.name}: {err}") from None


def _ending(path: str) -> str:
    name = os.path.basename(path)
    return name[name.index(".") :]


def _walk(folder: str, base: str) -> Iterator[File]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name = f"{base}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if _is_sent(entry):
                yield from _walk(entry.path, name)
        elif entry.is_file() and not _is_left_out(entry.name):
            yield _file(name, entry.path, entry.stat())


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name.endswith(_LEFT_OUT)


def _is_sent(folder: os.DirEntry[str]) -> bool:
    if folder.name.startswith(".") or folder.name in ("__pycache__", "node_modules"):
        return False
    if folder.name.endswith(_FOLDERS_LEFT_OUT):
        return False
    return not os.path.exists(os.path.join(folder.path, "pyvenv.cfg"))


def _file(name: str, path: str, status: os.stat_result) -> File:
    return File(name, path, status.st_size, (status.st_mtime_ns, status.st_size, status.st_ino))
