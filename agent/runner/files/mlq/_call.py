"""The call: read it, run it, hand the outcome on.

Its file starts with one JSON line (padded, so that what follows is aligned):
``kind`` and ``parts``, the sizes of what stands behind it, or in files of their own.
``agent/slot/call.go`` writes it, ``docs/slot.md`` describes it.
"""

from __future__ import annotations

import inspect
import json
import linecache
import mmap
import os
import pickle
import platform
import signal
import sys
import types
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, NoReturn

import cloudpickle

from . import _context, _envelope, _message, _outcome, _report, _values
from ._cancel import Cancelled
from ._functions import Value, run_all, wants_context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from ._cancel import Stop
    from ._channel import Channel

_SMALL = 64 << 10  # bytes: a call up to which a mapping costs more than a copy
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as shells have it


class Call(NamedTuple):
    """A call as it was handed over."""

    header: Mapping[str, Any]
    parts: Sequence[memoryview]


class Refused(Exception):
    """The call cannot be read or run here, and trying again would not help."""


class CommandNotRun(Exception):
    """The program could not be started; ``code`` is what a shell would answer."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


def read(fds: Sequence[int]) -> Call:
    """The call of its files: one with all of it, or its header and one for each part."""
    whole, *apart = map(_content, fds)
    at = 0
    while at < len(whole) and whole[at] != ord("\n"):
        at += _line_step(whole, at)
    header, sizes = _header(bytes(whole[:at]))
    if apart:
        if [len(part) for part in apart] != sizes:
            raise Refused("the call's parts are not as long as its header says")
        return Call(header, apart)
    at += 1
    if at + sum(sizes) > len(whole):
        raise Refused("the call is cut off")
    parts = []
    for size in sizes:
        parts.append(whole[at : at + size])
        at += size
    return Call(header, parts)


def _header(line: bytes) -> tuple[dict[str, Any], list[int]]:
    """The header of a call's file, and the sizes of its parts."""
    try:
        header = json.loads(line)
        sizes = header["parts"]
        if type(sizes) is not list or not all(type(n) is int and n >= 0 for n in sizes):
            raise TypeError("no sizes")
    except (ValueError, LookupError, TypeError, RecursionError) as err:
        raise Refused("the call's file is damaged") from err
    return header, sizes


def _content(fd: int) -> memoryview:
    """Map the file: private, so that arrays in it can be written to without a copy of the rest.

    What is written stays in this process: the file itself, which other jobs may be given
    too, cannot be changed through it. A small one is read instead, which is faster.
    """
    size = os.fstat(fd).st_size
    if size <= _SMALL:
        whole = memoryview(bytearray(os.pread(fd, size, 0)))
    else:
        whole = memoryview(mmap.mmap(fd, size, access=mmap.ACCESS_COPY))
    os.close(fd)
    return whole


def _line_step(whole: memoryview, at: int) -> int:
    """How far it is to the newline, looked for in steps."""
    found = bytes(whole[at : at + 4096]).find(b"\n")
    return found if found >= 0 else 4096


def run(
    fds: Sequence[int], stop: Stop, outcome: _outcome.Outcome, channel: Channel, environment: str
) -> NoReturn:
    """Run the call and end the process."""
    code = 1
    try:
        value = _guarded(fds, stop, channel)
        code = outcome.succeed(value.value, value.short)
    except SystemExit as err:
        code = _exited(err, outcome)
    except Refused as err:
        code = outcome.refuse("mlq.Refused", str(err))
    except CommandNotRun as err:
        print(err, file=sys.stderr)
        code = outcome.refuse("mlq.CommandFailed", str(err), reason="error", code=err.code)
    except _Unreadable as err:
        code = _unreadable(err.cause, outcome, environment)
    except BaseException as err:  # noqa: BLE001  # also Cancelled and KeyboardInterrupt
        code = outcome.fail(_explained(err, environment))
    _outcome.end(code, stop, channel if outcome.is_ours() else None)


def rehearsal() -> bytes:
    """A function of the size that jobs have, as a client would send it: for `rehearse`."""
    namespace: dict[str, Any] = {}
    exec(compile("def f(msg, ctx): return msg", "rehearsal", "exec"), namespace)  # noqa: S102
    data: bytes = cloudpickle.dumps(namespace["f"], protocol=5)
    return data


def rehearse(function: bytes) -> None:
    """Go the way of a call, while nobody waits.

    After a fork each page of memory is copied when it is first written to, and
    Python writes wherever it looks. A child that waits has the time for it. It
    does no more than a call does: each page costs microseconds of a core.
    """
    context = _context.Context({}, None)
    loaded = _loads(memoryview(function))
    value = loaded({"loss": [0.5, None]}, context) if wants_context(loaded) else None
    header, frames = _values.encode(value)
    header["short"] = _values.short(value)
    _envelope.pack({"kind": "result", **_report.versions(), **header}, frames)


_READERS = (__name__, "cloudpickle.cloudpickle")


class _Unreadable(Exception):
    """Wraps what unpickling the call raised, to tell it from what the call raises."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _guarded(fds: Sequence[int], stop: Stop, channel: Channel) -> Value:
    call = read(fds)
    kind = _KINDS[call.header["kind"]]
    with stop.armed():
        return kind(call, channel)


def _exited(err: SystemExit, outcome: _outcome.Outcome) -> int:
    """``sys.exit()`` and ``sys.exit(0)`` are an end without a value; all else is an error."""
    if err.code is None or err.code == 0:
        return outcome.succeed(None)
    code = err.code if type(err.code) is int and 0 < err.code < 256 else 1
    return outcome.fail(err, code=code)


def _unreadable(err: BaseException, outcome: _outcome.Outcome, environment: str) -> int:
    if isinstance(err, (Cancelled, MemoryError)):
        return outcome.fail(err)
    err = err.with_traceback(_past_pickle(err.__traceback__))
    return outcome.fail(_explained(err, environment), reason="rejected")


def _past_pickle(trace: TracebackType | None) -> TracebackType | None:
    """Without the frames of who reads the pickle: what stays is the user's, as a module's own."""
    while trace is not None and trace.tb_frame.f_globals.get("__name__") in _READERS:
        trace = trace.tb_next
    return trace


def _explained(err: BaseException, environment: str) -> BaseException:
    """Say in a ModuleNotFoundError where the module was looked for."""
    if type(err) is not ModuleNotFoundError or not err.name or not environment:
        return err
    text = f"{err} in the environment {environment!r} (Python {platform.python_version()})"
    named = ModuleNotFoundError(text, name=err.name, path=err.path)
    named.__cause__, named.__context__ = err.__cause__, err.__context__
    named.__suppress_context__ = err.__suppress_context__  # to set a cause, even None, sets it
    return named.with_traceback(err.__traceback__)


def _loads(data: memoryview, buffers: Sequence[memoryview] = ()) -> Any:
    try:
        return pickle.loads(data, buffers=buffers)
    except BaseException as err:
        raise _Unreadable(err) from err


# --- envelope: a function and its arguments, pickled by the client


def _run_envelope(call: Call, channel: Channel) -> Value:
    try:
        envelope = _envelope.unpack(call.parts[0])
    except _envelope.EnvelopeError as err:
        raise Refused(f"the call is not an envelope: {err}") from err
    _same_python(envelope.header)
    _bring_modules([*call.parts[1:], *_frame(envelope, "modules")])
    _remember_source(envelope.frames.get("source"))
    function = _loads(envelope.frames["code"])
    args, kwargs = _loads(envelope.frames["args"], envelope.buffers())
    context = _enter(call, channel, args[0] if args else None)
    if len(args) == 1 and not kwargs and wants_context(function):
        args = (args[0], context)
    return Value(function(*args, **kwargs))


def _frame(envelope: _envelope.Envelope, name: str) -> list[memoryview]:
    return [envelope.frames[name]] if name in envelope.frames else []


def _bring_modules(archives: Sequence[memoryview]) -> None:
    """The modules that lay beside the notebook: a frame, or the blob that the header names."""
    if not archives:
        return
    from . import _unship  # with zipfile: milliseconds, for those who need it

    for archive in archives:
        try:
            _unship.unpack(archive)
        except _unship.Refused as err:
            raise Refused(f"the call's modules cannot be unpacked: {err}") from None


def _same_python(header: Mapping[str, Any]) -> None:
    """A pickle of another minor version can crash the interpreter."""
    theirs, ours = str(header.get("python", "")), platform.python_version()
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        raise Refused(f"the call was pickled by Python {theirs}, this environment has {ours}")


def _remember_source(frame: memoryview | None) -> None:
    """Sources of notebook cells, ``{file name: text}``, for tracebacks."""
    if frame is not None:
        for filename, text in json.loads(bytes(frame)).items():
            _show_source(filename, text)


def _show_source(filename: str, text: str) -> None:
    lines = [line + "\n" for line in text.splitlines()]
    # No time of modification: then linecache never looks for the file itself.
    linecache.cache[filename] = (len(text), None, lines, filename)


# --- message: registered listener functions, in order, on one JSON message


def _run_message(call: Call, channel: Channel) -> Value:
    *bodies, text = call.parts
    msg = _message.loads(bytes(text))
    context = _enter(call, channel, msg)
    return run_all((_loads(body) for body in bodies), msg, context)


# --- source: a function in a file that was sent along


def _run_source(call: Call, channel: Channel) -> Value:
    source, text = call.parts
    function = _function_of(bytes(source), call.header.get("filename"), call.header["function"])
    if call.header.get("no_message"):
        _enter(call, channel, None)
        return Value(function())
    msg = json.loads(bytes(text))
    context = _enter(call, channel, msg)
    return Value(function(msg, context) if wants_context(function) else function(msg))


def _function_of(source: bytes, filename: str | None, name: str) -> Callable[..., Any]:
    filename = filename or "job.py"
    module = _module_of(source, filename)
    function: Callable[..., Any] | None = getattr(module, name, None)
    if not callable(function):
        there = [n for n, v in vars(module).items() if inspect.isfunction(v)]
        raise Refused(f"{filename} has no function {name!r}; it has: {', '.join(there) or 'none'}")
    return function


def _module_of(source: bytes, filename: str) -> types.ModuleType:
    """Execute the source as a module, not as ``__main__``."""
    stem = PurePath(filename).stem
    name = stem if stem.isidentifier() and stem not in sys.modules else "mlq_source"
    module = types.ModuleType(name)
    module.__file__ = filename
    sys.modules[name] = module
    # Who gets the result has no such module: its classes must travel with it.
    cloudpickle.register_pickle_by_value(module)
    _show_source(filename, source.decode("utf-8", "replace"))
    exec(compile(source, filename, "exec"), vars(module))  # noqa: S102  # that is the job
    return module


# --- consumer: a function that stays loaded, and serves messages until it is not wanted


def _run_consumer(call: Call, channel: Channel) -> Value:
    from . import _serve  # with HTTP: milliseconds, for those who need it

    (name,) = call.header["names"]

    def load() -> tuple[str, Callable[..., Any]]:
        (part,) = call.parts
        try:
            if call.header["form"] == "source":
                return name, _function_of(bytes(part), call.header.get("filename"), name)
            return name, _loads(part)
        except SystemExit as err:  # else it would be a success, and be loaded again at once
            raise Refused(f"{name} cannot be loaded: it calls sys.exit({err.code!r})") from None

    _enter(call, channel, None)
    return Value(_serve.serve(load, float(call.header.get("idle") or 0)))


# --- command: a program instead of Python


def _run_command(call: Call, _channel: Channel) -> NoReturn:
    argv: list[str] = json.loads(bytes(call.parts[0]))
    _change_directory(call.header.get("cwd"))
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # an ignored one would stay ignored
    try:
        os.execvpe(argv[0], argv, os.environ)  # noqa: S606  # no shell: that is the point
    except (FileNotFoundError, NotADirectoryError):
        raise CommandNotRun(f"{argv[0]}: command not found", _NOT_FOUND) from None
    except OSError as err:
        raise CommandNotRun(f"{argv[0]}: {err.strerror}", _NOT_EXECUTABLE) from None


def _change_directory(cwd: str | None) -> None:
    """The caller's directory where the host has it; else we stay, and say so."""
    if not cwd:
        return
    try:
        os.chdir(cwd)
    except OSError:
        here = os.getcwd()
        print(f"mlq: this host has no {cwd}: running in {here}", file=sys.stderr, flush=True)


_KINDS: dict[str, Callable[[Call, Channel], Value]] = {
    "envelope": _run_envelope,
    "message": _run_message,
    "source": _run_source,
    "command": _run_command,
    "consumer": _run_consumer,
}


# --- what functions are given


def _enter(call: Call, channel: Channel, msg: Any) -> _context.Context:
    full_message = {**(call.header.get("full_message") or {}), "msg": msg}
    context = _context.Context(full_message, channel)
    _context.enter(context)
    return context
