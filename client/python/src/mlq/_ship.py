"""The local modules of a call, packed as one archive of equal bytes for equal code.

What is sent is what is on disk when the call is submitted, as a new process
would import it. The archive is a zip with names in order and without times, so
that its SHA-256 says whether a server has it already.
"""

from __future__ import annotations

import ast
import hashlib
import io
import os
import sys
import warnings
import zipfile
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _imports, _stale
from ._caller import caller
from ._errors import NotSerializable, TooLarge
from ._local import OF_THE_RUNNER, File, Unit, files_of, find

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_MODULES = 16 << 20  # bytes of all files together
MAX_DATA = 4 << 20  # bytes of a file that is no code; a larger one is left out
_NAMED = 3  # files that an error names
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say


class Archive(NamedTuple):
    """The zip, and its SHA-256 in hex."""

    data: bytes
    sha256: str


class _Source(NamedTuple):
    """What was read of a Python file, and how the file was then."""

    stamp: tuple[int, int, int]
    imports: frozenset[str]
    content: _stale.Content


_sources: dict[str, _Source] = {}
_archives: dict[tuple[Any, ...], Archive] = {}  # the last ones that were packed
_KEPT = 4
_warned: set[tuple[Any, ...]] = set()


def shipment(modules: bool | list[str]) -> Shipment | None:
    """What the request field ``modules`` says: True, False for none, or names of further ones."""
    if modules is False:
        return None
    return Shipment(() if modules is True else modules)


class Shipment:
    """The local modules of one submission, gathered from the names that its pickles mention."""

    def __init__(self, more: Iterable[str]) -> None:
        self._seen: set[str] = set()
        self._units: dict[str, Unit] = {}
        self._files: dict[str, File] = {}
        self._more = set(more)
        for name in self._more:
            if find(name) is None:
                raise NotSerializable(
                    f"modules: there is no local module {name!r} (an installed one is not sent: "
                    "python= chooses an environment that has it)"
                )

    def add(self, names: Iterable[str]) -> bool:
        """Take in these modules, as far as they are local, and what they import; whether it grew.

        Raises NotSerializable for a file that cannot be read, TooLarge above the limits.
        """
        before = len(self._units)
        waiting = [*names, *self._more]
        while waiting:
            name = waiting.pop()
            if name in self._seen:
                continue
            self._seen.add(name)
            unit = find(name)
            if unit is not None and unit.name not in self._units:
                self._units[unit.name] = unit
                waiting += self._take(unit)
        return len(self._units) > before

    def sent(self) -> tuple[str, ...]:
        """The names of what goes along."""
        return tuple(sorted(self._units))

    def others(self) -> set[str]:
        """The top-level modules that were met and are not local."""
        tops = {name.partition(".")[0] for name in self._seen}
        return tops - {name.partition(".")[0] for name in self._units} - OF_THE_RUNNER

    def archive(self) -> Archive:
        """All of it packed."""
        return _packed([self._files[name] for name in sorted(self._files)])

    def _take(self, unit: Unit) -> set[str]:
        imports: set[str] = set()
        for file in files_of(unit):
            if not file.is_code and file.size > MAX_DATA:
                _warn_of_data(unit, file)
                continue
            self._files[file.name] = file
            if file.path.endswith(".py"):
                imports |= _read(file).imports
                _warn_if_stale(file)
        self._check_size()
        return imports

    def _check_size(self) -> None:
        total = sum(file.size for file in self._files.values())
        if total <= MAX_MODULES:
            return
        largest = sorted(self._files.values(), key=lambda file: -file.size)[:_NAMED]
        named = ", ".join(f"{file.path} ({_mib(file.size)})" for file in largest)
        raise TooLarge(
            f"the local modules have {_mib(total)}, and {_mib(MAX_MODULES)} can be sent. The "
            f"largest files: {named}. Keep data out of packages, or install them on the hosts and "
            "submit with modules=False, which sends none"
        )


def _module_name(file: File) -> str:
    """``pkg/__init__.py`` is ``pkg``, ``pkg/a.py`` is ``pkg.a``."""
    stem = file.name[: -len(".py")].replace("/", ".")
    return stem[: -len(".__init__")] if stem.endswith(".__init__") else stem


def _read(file: File) -> _Source:
    known = _sources.get(file.path)
    if known is not None and known.stamp == file.stamp:
        return known
    name = _module_name(file)
    package = name if file.name.endswith("/__init__.py") else name.rpartition(".")[0]
    try:
        tree = ast.parse(_bytes_of(file), file.path)
        source = _Source(
            file.stamp,
            frozenset(_imports.of_tree(tree, package)),
            _stale.content_of(tree, file.path),
        )
    except (SyntaxError, ValueError, RecursionError):
        # Half a line while somebody types, or a template: it is sent as it is, and
        # who imports it there gets the same error as here.
        source = _Source(file.stamp, frozenset(), _stale.Content({}, {}))
    _sources[file.path] = source
    return source


def _bytes_of(file: File) -> bytes:
    try:
        with open(file.path, "rb") as opened:
            data = opened.read(MAX_MODULES + 1)
    except OSError as err:
        raise NotSerializable(f"cannot send {file.path}: {err.strerror}") from None
    if len(data) > MAX_MODULES:
        raise TooLarge(f"cannot send {file.path}: it has more than {_mib(MAX_MODULES)}")
    return data


def _packed(files: list[File]) -> Archive:
    key = tuple((file.name, file.path, file.stamp) for file in files)
    known = _archives.pop(key, None)
    made = known or _pack([(file.name, _bytes_of(file)) for file in files])
    _archives[key] = made
    for old in list(_archives)[:-_KEPT]:
        _archives.pop(old, None)  # another thread may have been quicker
    return made


def _pack(members: list[tuple[str, bytes]]) -> Archive:
    """Pure: the archive of these members. Equal members have equal bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system, info.external_attr = 3, 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(info, data)
    data = file.getvalue()
    return Archive(data, hashlib.sha256(data).hexdigest())


def _warn_if_stale(file: File) -> None:
    module = sys.modules.get(_module_name(file))
    if module is None or getattr(module, "__file__", None) != file.path:
        return
    names = _stale.differing(module, file.path, _read(file).content)
    key = (file.path, file.stamp, *names)
    if not names or key in _warned:
        return
    _warned.add(key)
    _warn(
        f"what is loaded here of {os.path.basename(file.path)} is not what is on disk "
        f"({', '.join(names[:_NAMED])}{', …' if len(names) > _NAMED else ''}): the job gets what "
        f"is on disk; importlib.reload({module.__name__}) loads it here too"
    )


def _warn_of_data(unit: Unit, file: File) -> None:
    key = (file.path, file.stamp)
    if key in _warned:
        return
    _warned.add(key)
    _warn(
        f"{file.path} ({_mib(file.size)}) is not sent with the package {unit.name}: data of more "
        f"than {_mib(MAX_DATA)} stays here. Give the job its path on the host (docs/data.md)"
    )


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=caller())


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
