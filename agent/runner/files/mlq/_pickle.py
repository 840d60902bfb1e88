"""From a call to its envelope: what is pickled, how large it may be, and who is to blame if not.

The function (``code``) is pickled apart from its arguments, so that equal code
has equal bytes; ``source`` is its text, for tracebacks. Arguments are pickled
with their buffers out of band: an array's memory goes from where it lies into
the socket, uncopied.
"""

from __future__ import annotations

import io
import json
import pickle
import platform
import warnings
from typing import TYPE_CHECKING, Any, Callable

import cloudpickle

from . import _large, _words
from ._binding import name_of
from ._blame import hint, largest_captured, path_to_unpicklable
from ._caller import caller
from ._dump import dumps
from ._envelope import ALIGNED_FROM, length, pack, pieces
from ._errors import NotSerializable, TooLarge, VersionMismatch
from ._pickler import Pickler, sources
from ._ship import Shipment, shipment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._envelope import Body, Buffer

PYTHON = platform.python_version()
OLDEST_CLOUDPICKLE = 3
WARN_CODE = 256 << 10  # bytes
MAX_CODE = 16 << 20  # bytes
MODULES_INLINE = 4 << 10  # bytes: a larger archive of modules is a blob of its own

_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})


class _Capped(io.BytesIO):
    """Refuses to grow beyond a limit, so that a 40 GB global ends at 16 MiB."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: Any) -> int:
        if self.tell() + memoryview(data).nbytes > self._limit:
            raise _OverLimit
        return super().write(data)


class _OverLimit(Exception):
    pass


def dump_code(fn: Callable[..., Any]) -> bytes:
    """The function's pickle.

    Raises NotSerializable naming the path to what cannot be pickled, and
    TooLarge naming the variables that make it large; warns before that.
    """
    return _code_frames(fn, set())[0][1]


def _code_frames(fn: Callable[..., Any], modules: set[str]) -> list[tuple[str, bytes]]:
    """The frames ``code`` and, where there are any, ``source``; ``modules`` gets what they need."""
    _check_cloudpickle()
    buffer = _Capped(MAX_CODE)
    pickler = Pickler(buffer)
    try:
        pickler.dump(fn)
    except _OverLimit:
        raise TooLarge(
            f"{name_of(fn)} captures more than {_mib(MAX_CODE)}: {largest_captured(fn)}. "
            "Pass large data as an argument, which is sent without being copied"
        ) from None
    except Exception as err:
        raise _refusal(fn, name_of(fn), err) from err
    modules |= pickler.references()
    code = buffer.getvalue()
    if len(code) > WARN_CODE:
        warnings.warn(
            f"{name_of(fn)} captures {_mib(len(code))}, sent with each call: "
            f"{largest_captured(fn)}. Pass it as an argument instead",
            UserWarning,
            stacklevel=caller(),
        )
    source = sources(pickler.codes)
    if not source:
        return [("code", code)]
    return [("code", code), ("source", json.dumps(source).encode())]


def dump_args(
    args: tuple[Any, ...], kwargs: dict[str, Any], modules: set[str]
) -> list[tuple[str, Body]]:
    """The frames ``args``, ``b0``, ``b1``, … of a call; ``modules`` gets what they need.

    Raises NotSerializable naming the path to what cannot be pickled.
    """
    if _plain(args, kwargs):
        return [("args", pickle.dumps((args, kwargs), protocol=5))]
    try:
        dumped = dumps((args, kwargs), modules)
    except Exception as err:
        raise _refusal({"args": args, "kwargs": kwargs}, "", err) from err
    buffers = ((f"b{i}", buffer) for i, buffer in enumerate(dumped.buffers))
    return [("args", dumped.pieces), *buffers]


def _plain(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether all is of types that the plain pickler writes alike, and faster."""
    return _PLAIN.issuperset(map(type, args)) and _PLAIN.issuperset(map(type, kwargs.values()))


def _refusal(root: object, label: str, err: Exception) -> NotSerializable:
    path, culprit = path_to_unpicklable(root, label)
    what = f" ({type(culprit).__module__}.{type(culprit).__qualname__})" if path else ""
    advice = hint(culprit)
    text = f"cannot send {_words.path(path) or label or 'the arguments'}{what}: {err}"
    return NotSerializable(f"{text}. {advice}" if advice else text)


def _check_cloudpickle() -> None:
    """Of 2.2 the fields of a notebook's dataclasses are silently lost, NamedTuples do not load."""
    major = cloudpickle.__version__.partition(".")[0]
    if not major.isdigit() or int(major) < OLDEST_CLOUDPICKLE:
        raise VersionMismatch(
            f"cloudpickle {cloudpickle.__version__} is too old: it loses the fields of dataclasses "
            f"that a notebook defines. pip install 'cloudpickle>={OLDEST_CLOUDPICKLE}'"
        )


def imports_of(
    fn: Callable[..., Any], wanted: bool | list[str]
) -> tuple[str, tuple[str, ...], set[str]]:
    """The function's name, the local modules that go along, and other top-level ones it needs."""
    modules: set[str] = set()
    _code_frames(fn, modules)
    made = shipment(wanted) or Shipment(())
    made.add(modules)
    sent = made.sent() if wanted is not False else ()
    return name_of(fn), sent, made.others()


class CallWriter:
    """Writes envelopes of calls of one function with the same request fields.

    What does not change from one call to the next is encoded once, so that
    ``map`` spends its time on the arguments alone.
    """

    def __init__(
        self, fn: Callable[..., Any], request: Mapping[str, Any], *, many: bool = False
    ) -> None:
        self.function = name_of(fn)
        self.archives: dict[str, bytes] = {}  # of modules, by SHA-256: to be uploaded where missing
        self._many = many
        modules: set[str] = set()
        self._code = _code_frames(fn, modules)
        self._header: dict[str, Any] = {
            "kind": "call",
            "function": self.function[-128:],
            "python": PYTHON,
            "cloudpickle": cloudpickle.__version__,
        }
        wanted = {**request}
        self._shipment = shipment(wanted.pop("modules", True))
        if wanted:
            self._header["request"] = wanted
        self._start, self._start_for = b"", -1
        self._modules: list[tuple[str, Buffer]] = []
        self._ship(modules)

    def write(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Buffer]:
        """The envelope of one call, as parts to be sent one after the other."""
        modules: set[str] = set()
        frames = dump_args(args, kwargs, modules)
        self._ship(modules)
        self._warn_of_size(frames, args, kwargs)
        if len(frames) == 1 and length(frames[0][1]) < ALIGNED_FROM:
            return [self._before(frames), *pieces(frames[0][1])]
        return self._pack(frames)

    def _warn_of_size(
        self, frames: list[tuple[str, Body]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        size = sum(length(body) for _, body in frames)
        if size > _large.WARN_ARGUMENTS:
            text = _large.advice(self.function, size, args, kwargs)
            warnings.warn(text, UserWarning, stacklevel=caller())

    def _before(self, frames: list[tuple[str, Body]]) -> bytes:
        """What stands before a small last frame: it follows from its size alone."""
        body = frames[0][1]
        size = length(body)
        if size != self._start_for:
            parts = self._pack(frames)
            self._start, self._start_for = b"".join(parts[: -len(pieces(body))]), size
        return self._start

    def _pack(self, frames: list[tuple[str, Body]]) -> list[Buffer]:
        return pack(self._header, [*self._code, *self._modules, *frames])

    def _ship(self, names: set[str]) -> None:
        """Have the call bring these modules, as far as they are local: within, or by their hash."""
        if self._shipment is None or not names or not self._shipment.add(names):
            return
        archive = self._shipment.archive()
        if len(archive.data) <= MODULES_INLINE and not self._many:
            self._modules = [("modules", archive.data)]
        else:
            self._modules = []
            self.archives[archive.sha256] = archive.data
            self._header["modules"] = {"sha256": archive.sha256, "size": len(archive.data)}
        self._start_for = -1


def size_of(parts: list[Buffer]) -> int:
    """The bytes of parts together."""
    return length(parts)


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
