"""``%%gpu`` and ``%mlq``: a notebook's cells on leased GPUs, and questions without Python.

IPython is never imported: it is there, or nobody calls this.
"""

from __future__ import annotations

import re
import shlex
import sys
import traceback
from types import FunctionType
from typing import Any, NoReturn

from . import _cellcode, _commands
from ._default import default_client
from ._errors import NotSerializable, RemoteTraceback
from ._groups import load
from ._incell import Cell, CellResult, run
from ._table import harmless

_WANTED = "names, with commas between them"
_KEYWORD = re.compile(r"\bkwargs\['(\w+)'\]")  # as a call names what in a cell is a variable
_FIELDS = ("gpus", "gpu_mem", "gpu_type", "timeout", "python", "key")


def load_ipython_extension(shell: Any) -> None:
    """What ``%load_ext mlq`` calls: makes ``%%gpu`` and ``%mlq`` known to an IPython shell."""
    magics = Magics(shell)
    shell.register_magic_function(magics.gpu, "cell", "gpu")
    shell.register_magic_function(magics.mlq, "line", "mlq")
    shell.set_hook("complete_command", magics.complete, str_key="%mlq")


def gpu_parser() -> _commands.Parser:
    """The line of ``%%gpu``."""
    made = _commands.Parser(prog="%%gpu", description="Run this cell on leased GPUs.")
    made.add_argument("--gpus", type=int, help="devices that the cell gets; 1 by default")
    made.add_argument("--gpu-mem", metavar="SIZE", help="memory of each, at least, as 40GB")
    made.add_argument("--gpu-type", metavar="MODEL", help="as H100")
    made.add_argument("--timeout", help="as 2h; then the cell is stopped")
    made.add_argument("--name", help="shown in lists")
    made.add_argument("--python", metavar="ENV", help="environment: a name, a version or a path")
    made.add_argument("--key", help="the same key finds the same job instead of making another")
    made.add_argument("-i", type=_list, metavar="NAMES", help=f"what goes along: {_WANTED}")
    made.add_argument(
        "-o", type=_list, metavar="NAMES", help=f"what comes back: {_WANTED}; - for none"
    )
    return made


def _list(text: str) -> list[str]:
    """``a,b`` as a list; ``-`` is an empty one."""
    return [] if text == "-" else [name.strip() for name in text.split(",") if name.strip()]


class Magics:
    """The magics of one shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def gpu(self, line: str, cell: str) -> Any:
        """Run the cell's code on leased GPUs: what it reads goes along, what it assigns comes back.

        Shows its output as it comes, and the last expression's value. An interrupt cancels it.
        """
        try:
            return self._gpu(line, cell)
        except NotSerializable as err:
            err.args = (_KEYWORD.sub(r"\1", str(err)),)
            _show_plainly(err)
            raise
        except (_commands.Usage, _cellcode.Refused) as err:
            self._refuse(f"%%gpu: {err}")
        except SystemExit:  # --help
            return None
        except BaseException as err:
            _show_plainly(err)
            raise

    def mlq(self, line: str) -> Any:
        """status, jobs, logs ID, cancel ID, why ID: as ``mlq`` in a shell; -h for more."""
        try:
            given = _commands.read(_commands.parser("%mlq"), _split(line))
            value = given.run(default_client(), given)
            return value if hasattr(value, "_repr_html_") else _write(value)
        except _commands.Usage as err:
            self._refuse(f"%mlq: {err}")
        except SystemExit:  # --help
            return None
        except BaseException as err:
            _show_plainly(err)
            raise

    def complete(self, _shell: Any, event: Any) -> list[str]:
        """The words of ``%mlq``."""
        before = str(event.text_until_cursor).split()
        return list(_commands.WORDS) if len(before) < 2 or before[-1] != "%mlq" else []

    def _gpu(self, line: str, body: str) -> Any:
        given = gpu_parser().parse_args(_split(line))
        space = self._shell.user_ns
        # With a key, a cell that runs again has to be the same call.
        file = f"Cell {given.key or f'In[{_number(self._shell)}]'}"
        code = _cellcode.read(self._shell, file, line, body)
        cell = Cell(
            source=code.source,
            file=file,
            give=_cellcode.given(code, given.o),
            anchor=_anchor(space),
            flags=_cellcode.flags_of(self._shell),
            silent=code.silent,
        )
        request = {name: getattr(given, name) for name in _FIELDS}
        submitter = default_client().options(
            **request, name=given.name or file.lower(), modules=code.modules or None
        )
        taken = _cellcode.taken(code, space, given.i)
        return self._bring(submitter.run(run, cell, **taken))

    def _bring(self, result: CellResult) -> Any:
        """Put what came back into the notebook, and show what is to be seen."""
        values, missing = load(result.groups)
        self._shell.user_ns.update(values)
        for bundle in result.shown:
            self._shell.display_pub.publish(data=bundle, metadata={})
        left = {**result.left, **missing}
        if left:
            reasons = ", ".join(f"{name} ({harmless(why)[:200]})" for name, why in left.items())
            print(f"mlq: not brought back: {reasons}", file=sys.stderr)
        return None if result.value is None else Shown(result.value)

    def _refuse(self, text: str) -> NoReturn:
        """As IPython refuses a magic: one line."""
        raise sys.modules["IPython"].core.error.UsageError(harmless(text)) from None


class Shown:
    """The value of a cell as its job showed it. The value itself is there; assign it to have it."""

    def __init__(self, bundle: dict[str, Any]) -> None:
        self._bundle = bundle

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return self._bundle

    def __repr__(self) -> str:
        return str(self._bundle["text/plain"])


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as err:
        raise _commands.Usage(f"{line!r}: {err}") from None


def _number(shell: Any) -> int:
    """Of the cell that runs, as its prompt has it: IPython 9 counts on before, 8 after it."""
    return int(shell.displayhook.prompt_count)


def _anchor(space: dict[str, Any]) -> Any:
    """A function whose globals are the notebook's, as those of its own functions are."""
    return FunctionType((lambda: None).__code__, space, "anchor")


def _write(value: Any) -> None:
    for piece in value if hasattr(value, "__next__") else [str(value)]:
        sys.stdout.write(piece)
    if isinstance(value, _commands.Text):
        sys.stdout.write("\n")


def _show_plainly(err: BaseException) -> None:
    """Have IPython show the cell's own lines: where this package waited helps nobody."""
    cause = err.__cause__
    if isinstance(cause, RemoteTraceback):
        lines = str(cause.args[0]).splitlines()
    elif isinstance(err, _cellcode.CellSyntaxError):
        lines = str(err).splitlines()
    else:
        lines = "".join(traceback.format_exception_only(type(err), err)).splitlines()
    err._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
