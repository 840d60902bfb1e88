"""The runner as the slot has it: a process with a socket pair at descriptor 3."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import platform
import signal
import socket
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import cloudpickle
import pytest

import mlq
from mlq import _context, _dump, _trace, _values
from mlq._envelope import Envelope, pack, pieces, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the runner is for hosts: Linux")

PACKAGE_FOLDER = str(Path(mlq.__file__).parents[1])
# As the slot starts it, but that the slot has put the line at descriptor 3.
BOOTSTRAP = (
    "import os, sys; os.dup2(int(sys.argv.pop(1)), 3, inheritable=False); "
    "sys.path.insert(0, sys.argv.pop(1)); from mlq.runner import main; main()"
)
PATIENCE = 30.0  # seconds


class Runner:
    """A spare interpreter, and the slot's end of the line to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.line.settimeout(PATIENCE)
        fd = theirs.fileno()
        command = [sys.executable, "-I", "-c", BOOTSTRAP, str(fd), PACKAGE_FOLDER, "--spare"]
        self.process = subprocess.Popen(command, pass_fds=[fd])
        theirs.close()
        self.result = (folder / "result").open("w+b")
        self.log = (folder / "log").open("w+b")
        self.progress: list[Any] = []

    def close(self) -> None:
        self.line.close()
        self.process.kill()
        self.process.wait(PATIENCE)
        self.result.close()
        self.log.close()

    def hear(self, op: str) -> dict[str, Any]:
        while True:
            packet = self.line.recv(1 << 18)
            assert packet, "the runner ended: " + (self.folder / "log").read_text()
            message: dict[str, Any] = json.loads(packet)
            if message.get("op") == op or op in message:
                return message

    def become(self, **grant: Any) -> None:
        message = {
            "op": "run",
            "env": {"PATH": os.defpath, "MLQ_JOB_ID": "53"},
            "environment": "torch25",
            "work_dir": str(self.folder),
            "job_dir": str(self.folder),
            "limits": {},
            "max_result": 1 << 20,
            **grant,
        }
        files = [self.result.fileno(), self.log.fileno()]
        socket.send_fds(self.line, [json.dumps(message).encode()], files)
        self.hear("waiting")

    def go(self, kind: str, parts: list[bytes], **header: Any) -> None:
        line = json.dumps({"kind": kind, "parts": [len(p) for p in parts], **header}).encode()
        call = self.folder / "call"
        call.write_bytes(line.ljust(4095) + b"\n" + b"".join(parts))
        with call.open("rb") as file:
            socket.send_fds(self.line, [b'{"op":"go"}'], [file.fileno()])

    def go_apart(self, kind: str, parts: list[bytes], sizes: list[int]) -> list[Path]:
        """The parts in files of their own; their paths."""
        paths = [self.folder / f"part{n}" for n in range(len(parts))]
        header = self.folder / "header"
        header.write_bytes(json.dumps({"kind": kind, "parts": sizes}).encode() + b"\n")
        for path, part in zip(paths, parts):
            path.write_bytes(part)
        with contextlib.ExitStack() as opened:
            files = [opened.enter_context(path.open("rb")) for path in (header, *paths)]
            socket.send_fds(self.line, [b'{"op":"go"}'], [file.fileno() for file in files])
        return paths

    def end(self) -> tuple[int, Envelope]:
        code = self.process.wait(PATIENCE)
        return code, unpack(bytearray((self.folder / "result").read_bytes()))

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[int, Envelope]:
        self.become()
        self.go("envelope", [envelope(function, *args, **kwargs)])
        return self.end()


def envelope(
    function: Callable[..., Any], *args: Any, python: str = platform.python_version(), **kwargs: Any
) -> bytes:
    dumped = _dump.dumps((args, kwargs))
    frames: list[Any] = [("code", by_value(function)), ("args", dumped.pieces)]
    frames += [(f"b{i}", buffer) for i, buffer in enumerate(dumped.buffers)]
    return b"".join(pack({"kind": "call", "python": python}, frames))


def by_value(function: Callable[..., Any]) -> bytes:
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    try:
        data: bytes = cloudpickle.dumps(function, protocol=5)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    return data


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    started = Runner(tmp_path)
    yield started
    started.close()


def test_envelope_is_called_with_its_arguments(runner: Runner) -> None:
    code, found = runner.call(lambda a, b=1: {"sum": a + b}, 2, b=40)
    assert code == 0
    assert found.header["value"] == "json"
    assert json.loads(bytes(found.frames["view"])) == {"sum": 42}


def test_a_part_in_a_file_of_its_own_is_written_to_in_memory_alone(runner: Runner) -> None:
    def change(array: bytearray) -> tuple[int, int]:
        view = memoryview(array)
        view[:] = b"7" * len(view)
        return view[0], len(view)

    call = envelope(change, pickle.PickleBuffer(bytearray(300_000)))
    runner.become()
    (path,) = runner.go_apart("envelope", [call], [len(call)])
    code, found = runner.end()
    assert code == 0, found.header
    assert json.loads(bytes(found.frames["view"])) == [ord("7"), 300_000]
    assert path.read_bytes() == call, "other jobs are given the same file"


@pytest.mark.parametrize("off", [-1, 1])
def test_a_part_of_another_length_is_refused(runner: Runner, off: int) -> None:
    call = envelope(len, b"x" * 100_000)
    runner.become()
    runner.go_apart("envelope", [call], [len(call) + off])
    code, found = runner.end()
    assert code == 1
    assert found.header["reason"] == "rejected"
    assert found.header["message"] == "the call's parts are not as long as its header says"


def test_buffers_of_the_call_can_be_written_to(runner: Runner) -> None:
    def change(array: bytearray) -> tuple[int, int]:
        view = memoryview(array)
        view[0] = 7
        return view[0], len(view)

    runner.become()
    payload = pickle.PickleBuffer(bytearray(100_000))
    runner.go("envelope", [envelope(change, payload)])
    code, found = runner.end()
    assert code == 0, found.header
    assert pickle.loads(found.frames["pickle"]) == (7, 100_000)


def test_other_python_is_refused(runner: Runner) -> None:
    runner.become()
    runner.go("envelope", [envelope(len, [1], python="2.7.18")])
    code, found = runner.end()
    assert (code, found.header["reason"]) == (1, "rejected")
    assert "2.7.18" in found.header["message"]


def test_call_that_is_no_envelope_is_refused(runner: Runner) -> None:
    runner.become()
    runner.go("envelope", [b"nonsense"])
    code, found = runner.end()
    assert (code, found.header["reason"]) == (1, "rejected")


def test_pickle_that_cannot_be_read_is_rejected(runner: Runner) -> None:
    runner.become()
    frames = [("code", b"\x80\x05cno_such_module\nf\n."), ("args", b"")]
    call = b"".join(pack({"kind": "call", "python": platform.python_version()}, frames))
    runner.go("envelope", [call])
    code, found = runner.end()
    assert (code, found.header["reason"], found.header["module"]) == (
        1,
        "rejected",
        "no_such_module",
    )
    assert "'torch25'" in found.header["message"]


def test_context_is_the_second_argument_where_it_is_asked_for(runner: Runner) -> None:
    def with_context(msg: int, ctx: Any) -> list[Any]:
        ctx["update_progress"]({"at": msg})
        return [msg, ctx.full_message["id"], sorted(ctx)]

    runner.become()
    runner.go("envelope", [envelope(with_context, 7)], full_message={"id": 53})
    assert runner.hear("progress") == {"progress": {"at": 7}}
    _, found = runner.end()
    assert json.loads(bytes(found.frames["view"])) == [7, 53, sorted(_context.Context._KEYS)]


def test_a_default_is_kept(runner: Runner) -> None:
    _, found = runner.call(lambda msg, depth=3: [msg, depth], 1)
    assert json.loads(bytes(found.frames["view"])) == [1, 3]


def test_listeners_run_in_order_and_the_pair_is_taken_apart(runner: Runner) -> None:
    runner.become()
    first = by_value(lambda msg: (_ for _ in ()).throw(ValueError) if msg["a"] != 1 else None)
    second = by_value(lambda msg, *args: ("short one", {"worker": len(args), **msg}))
    runner.go("message", [first, second, b'{"a": 1}'], names=["first", "second"])
    code, found = runner.end()
    assert (code, found.header["short"]) == (0, "short one")
    assert json.loads(bytes(found.frames["view"])) == {"worker": 1, "a": 1}


def test_short_result_is_cut_at_one_kib(runner: Runner) -> None:
    _, found = runner.call(lambda: "é" * 5000)
    assert found.header["short"] == "é" * 512


def test_tuple_of_a_function_stays_a_tuple(runner: Runner) -> None:
    _, found = runner.call(lambda: ("short", 1))
    assert pickle.loads(found.frames["pickle"]) == ("short", 1)


def test_exit_without_a_code_is_a_result(runner: Runner) -> None:
    code, found = runner.call(sys.exit)
    assert (code, bytes(found.frames["view"])) == (0, b"null")


def test_exit_with_a_code_is_an_error(runner: Runner) -> None:
    code, found = runner.call(sys.exit, 3)
    assert (code, found.header["type"]) == (3, "SystemExit")


def test_first_sigterm_raises_cancelled(runner: Runner) -> None:
    def wait(_msg: int, ctx: Any) -> None:
        try:
            ctx.update_progress("up")
            signal.pause()
            signal.pause()
        finally:
            print("cleaned up")

    runner.become()
    runner.go("envelope", [envelope(wait, 1)])
    runner.hear("progress")
    runner.process.terminate()
    code, found = runner.end()
    assert (code, found.header["type"]) == (1, "mlq.Cancelled")
    assert (runner.folder / "log").read_text() == "cleaned up\n"


def test_threads_and_atexit_functions_are_waited_for(runner: Runner) -> None:
    def leave() -> int:
        import atexit
        import threading

        go = threading.Event()
        threading.Thread(target=lambda: (go.wait(), print("thread"))).start()
        atexit.register(lambda: print("atexit", end=""))
        threading.Thread(target=go.set).start()
        return 1

    code, _ = runner.call(leave)
    assert code == 0
    assert (runner.folder / "log").read_text() == "thread\natexit"


def test_too_large_a_result_is_refused(runner: Runner) -> None:
    code, found = runner.call(lambda: b"x" * (2 << 20))
    assert (code, found.header["reason"], found.header["type"]) == (1, "rejected", "mlq.TooLarge")


def test_line_closed_before_the_call_ends_it_quietly(runner: Runner) -> None:
    runner.become()
    runner.line.close()
    assert runner.process.wait(PATIENCE) == 0


def test_utilities_that_do_not_exist_yet_say_so() -> None:
    context = _context.Context({}, None)
    for call in (
        lambda: context.store_data(1),
        lambda: context["fetch_data"]("a"),
        lambda: context.block_until_result(1),
    ):
        with pytest.raises(NotImplementedError, match="no endpoint"):
            call()


def test_context_outside_of_a_job_is_an_error_and_progress_is_not() -> None:
    with pytest.raises(RuntimeError, match="inside a job"):
        mlq.context()
    assert list(mlq.progress([1, 2])) == [1, 2]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"\x00", "bytes"),
        ("text", "text"),
        (None, "json"),
        (2**53, "json"),
        ({"a": [1, 2.5, True]}, "json"),
        (2**53 + 1, "pickle"),
        (float("nan"), "pickle"),
        ("\udcff", "pickle"),
        ({1: 2}, "pickle"),
        ((1, 2), "pickle"),
        ([[]] * 2, "pickle"),
        (bytearray(b"x"), "pickle"),
    ],
)
def test_kind_of_a_value(value: Any, kind: str) -> None:
    header, frames = _values.encode(value)
    assert header["value"] == kind
    shown = b"".join(pieces(dict(frames)["view"]))
    if kind in ("json", "pickle"):
        json.loads(shown)


def test_list_that_contains_itself_is_shown_somehow() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert json.loads(_values.view(loop)) == "[[...]]"


def test_member_that_cannot_be_pickled_is_named() -> None:
    class Model:
        def __init__(self) -> None:
            self.lock = signal.signal  # picklable
            self.handles = [1, sys._getframe()]

    where, _ = _values.find_unpicklable({"model": Model()}, TypeError("x"))
    assert where == "result['model'].handles[1]"


def test_broken_exceptions_still_have_a_text() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "Broken" in _trace.render(Broken())


def test_out_of_memory_is_recognised_by_name() -> None:
    kind = type("OutOfMemoryError", (RuntimeError,), {"__module__": "torch"})
    assert _trace.is_out_of_memory(kind("CUDA out of memory"))
    assert _trace.is_out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate"))
    assert not _trace.is_out_of_memory(RuntimeError("out of luck"))


@pytest.mark.parametrize(("size", "said"), [(1 << 20, False), (16 << 20, True)])
def test_a_large_result_is_said_before_it_is_written(runner: Runner, size: int, said: bool) -> None:
    runner.become(max_result=1 << 30)
    runner.go("source", [f"def f(msg): return b'x' * {size}".encode(), b"1"], function="f")
    messages: list[dict[str, Any]] = []
    while not messages or messages[-1]["op"] != "exit":
        messages.append(json.loads(runner.line.recv(1 << 18)))
    assert ({"op": "result"} in messages) is said


def test_a_forked_copy_of_the_runner_hands_nothing_on(runner: Runner) -> None:
    def split() -> list[int]:
        pid = os.fork()
        if pid == 0:
            sys.exit(3)
        ended = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]
        pid = os.fork()
        if pid == 0:
            raise ValueError("of the copy")
        return [*ended, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]

    code, found = runner.call(split)
    assert (code, found.header["kind"], bytes(found.frames["view"])) == (0, "result", b"[3,1]")
    assert "ValueError: of the copy" in (runner.folder / "log").read_text()
    runner.line.shutdown(socket.SHUT_WR)
    said = [json.loads(packet) for packet in iter(lambda: runner.line.recv(1 << 18), b"")]
    assert said == [{"op": "exit", "code": 0}]


def test_a_job_may_close_the_line(runner: Runner) -> None:
    def close() -> int:
        mlq.context()  # there is one
        os.close(3)
        mlq.context().update_progress(1)
        return 5

    code, found = runner.call(close)
    assert (code, bytes(found.frames["view"])) == (0, b"5")


def test_missing_module_keeps_the_error_that_led_to_it(runner: Runner) -> None:
    def load() -> None:
        import importlib

        try:
            importlib.import_module("mlq_no_such_module")
        except ImportError:
            importlib.import_module("mlq_nor_such_a_module")

    _, found = runner.call(load)
    text = found.header["traceback"]
    assert "mlq_no_such_module" in text
    assert "During handling" in text


def zipped(**attributes: Any) -> Callable[..., bytes]:
    """Makes an archive of (name, text) pairs; ``attributes`` are set on each member."""

    def make(*members: tuple[str, str]) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of two members of one name
            for name, text in members:
                info = zipfile.ZipInfo(name)
                info.compress_type = zipfile.ZIP_DEFLATED
                for attribute, value in attributes.items():
                    setattr(info, attribute, value)
                packed.writestr(info, text)
        return file.getvalue()

    return make


def answer() -> Any:
    import helper  # type: ignore[import-not-found]

    return helper.ANSWER


@pytest.mark.parametrize("within", [True, False])
def test_modules_come_first(runner: Runner, within: bool) -> None:
    archive = zipped()(
        ("helper.py", "from json import ANSWER"), ("json/__init__.py", "ANSWER = 42")
    )
    (runner.folder / "helper.py").write_text("ANSWER = 'of the working directory'")
    frames = [("code", by_value(answer)), ("args", pickle.dumps(((), {})))]
    if within:
        frames.insert(1, ("modules", archive))
    call = b"".join(pack({"kind": "call", "python": platform.python_version()}, frames))
    runner.become(env={"PATH": os.defpath, "MLQ_JOB_DIR": str(runner.folder)})
    runner.go("envelope", [call] if within else [call, archive])
    code, found = runner.end()
    assert (code, json.loads(bytes(found.frames["view"]))) == (0, 42)
    (folder,) = (runner.folder / "tmp").iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700


BOMB = "0" * ((64 << 20) + 1)


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (b"no zip", "not an archive of modules"),
        (zipped()(("helper.py", "x" * 99))[:60], "not an archive of modules"),
        (zipped()(("../helper.py", "")), "a file is named '../helper.py'"),
        (zipped()(("/etc/helper.py", "")), "a file is named '/etc/helper.py'"),
        (zipped()(("a/./b.py", "")), "a file is named"),
        (zipped()(("a\\b.py", "")), "a file is named"),
        (zipped(external_attr=0o120777 << 16)(("link", "/etc")), "'link' is no plain file"),
        (zipped(external_attr=0o040755 << 16)(("folder", "")), "'folder' is no plain file"),
        (zipped()(("a.py", ""), ("a.py", "")), "two files are named 'a.py'"),
        (zipped()(("a", ""), ("a/b.py", "")), "'a/b.py' is a file and a folder"),
        (zipped()(*((f"m{i}.py", "") for i in range(10_001))), "10001 files"),
        (zipped()(("a.bin", BOMB)), "more than 67108864 bytes"),
    ],
    ids=range(12),
)
def test_archives_that_are_refused(runner: Runner, archive: bytes, words: str) -> None:
    runner.become(env={"PATH": os.defpath, "MLQ_JOB_DIR": str(runner.folder)})
    runner.go("envelope", [envelope(answer), archive])
    code, found = runner.end()
    assert code == 1
    assert found.header["reason"] == "rejected"
    assert "the call's modules cannot be unpacked: " in found.header["message"]
    assert words in found.header["message"]
    assert not list(runner.folder.glob("*.py"))


def test_a_size_that_is_a_lie(runner: Runner) -> None:
    """What an archive says of itself is not believed."""
    archive = bytearray(zipped()(("a.bin", BOMB)))
    at = archive.rindex(b"PK\1\2") + 24
    archive[at : at + 4] = (5).to_bytes(4, "little")
    runner.become(env={"PATH": os.defpath, "MLQ_JOB_DIR": str(runner.folder)})
    runner.go("envelope", [envelope(answer), bytes(archive)])
    assert runner.end()[1].header["reason"] == "rejected"
