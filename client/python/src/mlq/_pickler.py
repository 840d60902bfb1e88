"""A cloudpickle that sends memory as it is, and keeps where code was written.

Arrays and tensors are reduced to their memory (``_arrays.py``, ``_tensors.py``). And for
the tracebacks of jobs:
cloudpickle 3.1.3 writes ``<dynamic-code>`` as the file of every function that it
pickles by value. A traceback then has line numbers of nothing. So the file's
name is put back, and ``sources`` gives the lines that belong to it: a job runs
where neither the notebook nor its cells are.
"""

from __future__ import annotations

import io
import linecache
import pickle
import re
import sys
import types
from typing import TYPE_CHECKING, Any, Callable

import cloudpickle

from . import _arrays
from ._tensors import Tensors

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    class SupportsWrite(Protocol):
        """What a pickle is written to."""

        def write(self, data: Any, /) -> Any:
            """Take the next piece."""


MAX_SOURCE = 32 << 10  # characters of all sources of a call
MAX_EMPTY = 500  # lines of a file that are left empty
_CELL = re.compile(r"^.*[/\\]ipykernel_\d+[/\\](\d+)\.py$")
_NOWHERE = "<dynamic-code>"


class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]
    """A CloudPickler. ``codes`` are the code objects that it pickled by value, ``modules`` the
    names of modules to which it only refers.
    """

    def __init__(
        self,
        file: SupportsWrite,
        buffer_callback: Callable[[pickle.PickleBuffer], Any] | None = None,
        tensors: Tensors | None = None,
    ) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffer_callback)
        self.codes: list[types.CodeType] = []
        self.modules: set[str] = set()
        tensors = tensors or Tensors(at_once=True)
        self._reducers: dict[type, Callable[[Any], Any]] = dict(_arrays.reducers())
        self._reducers[io.TextIOWrapper] = _file
        self._reducers.update(dict.fromkeys(tensors.types(), tensors.reduce))

    def reducer_override(self, obj: Any) -> Any:
        """As cloudpickle does; memory goes as it is, and code keeps its file."""
        reduce = self._reducers.get(type(obj))
        if reduce is not None:
            reduced = reduce(obj)
            if reduced is not NotImplemented:
                return reduced
        if type(obj) is not types.CodeType:
            reduced = super().reducer_override(obj)
            if reduced is NotImplemented:
                self._note(obj)
            return reduced
        self.codes.append(obj)
        make, args = self.dispatch_table[types.CodeType](obj)
        return make, tuple(
            filename_of(obj.co_filename) if type(arg) is str and arg == _NOWHERE else arg
            for arg in args
        )

    def references(self) -> set[str]:
        """The modules that the pickle needs: those it names, and those its code imports."""
        from ._imports import of_codes

        main = sys.modules.get("__main__")
        return self.modules | of_codes(self.codes, getattr(main, "__package__", None) or "")

    def _note(self, obj: Any) -> None:
        """Whoever loads what is pickled as a name imports the module that has it."""
        if isinstance(obj, (type, types.FunctionType)):
            name = obj.__module__
        elif type(obj) is types.ModuleType:
            name = obj.__name__
        else:
            return
        if isinstance(name, str):
            self.modules.add(name)


def filename_of(filename: str) -> str:
    """A code's file; of a notebook's cell without the kernel's process, which says nothing there.

    So an equal cell is an equal call in another kernel too, and its ``key`` finds the same job.
    """
    return _CELL.sub(r"<cell \1>", filename)


def _file(file: io.TextIOWrapper) -> Any:
    """Cloudpickle would send what is in it, however much; a job is better told where it is."""
    if file in (sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__):
        return NotImplemented  # those of the process that loads it
    raise pickle.PicklingError("cannot pickle an open file")


def sources(codes: Iterable[types.CodeType]) -> dict[str, str]:
    """The source of code by file, without the lines of anything else.

    Empty lines stand for those, so that each line has its number. A file that
    would go beyond MAX_SOURCE, or whose code stands far down in it, is left out,
    so that small calls stay small: its tracebacks show text where the host has the file.
    """
    wanted: dict[str, set[int]] = {}
    for code in codes:
        wanted.setdefault(code.co_filename, set()).update(_lines(code))
    found: dict[str, str] = {}
    room = MAX_SOURCE
    for filename, numbers in wanted.items():
        text = _excerpt(linecache.getlines(filename), numbers)
        if text and len(text) <= room:
            found[filename_of(filename)] = text
            room -= len(text)
    return found


def _lines(code: types.CodeType) -> range:
    """From the first to the last line of a function, what is nested in it included."""
    numbers = [line for _start, line in _starts(code) if line]
    return range(code.co_firstlineno, max([code.co_firstlineno, *numbers]) + 1)


def _starts(code: types.CodeType) -> Iterable[tuple[int, int | None]]:
    import dis

    return dis.findlinestarts(code)


def _excerpt(lines: list[str], numbers: set[int]) -> str:
    last = min(max(numbers), len(lines))
    if last - len(numbers) > MAX_EMPTY:
        return ""
    return "".join(lines[n - 1] if n in numbers else "\n" for n in range(1, last + 1))
