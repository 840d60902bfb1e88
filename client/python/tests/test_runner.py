"""What a runner is called with, and what it hands back."""

from __future__ import annotations

import json
import os
import pickle
import platform
import sys
from typing import Any

import cloudpickle
import pytest

from mlq import _context
from mlq._envelope import pack
from runners import Runner, by_value, envelope

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the runner is for hosts: Linux")


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


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("no_such_module", []),  # a global of the function: cloudpickle imports it, and says so
        ("broken", ["import no_such_module"]),  # a module of the user's, whose line is theirs
    ],
)
def test_who_reads_the_pickle_is_not_in_the_traceback(
    runner: Runner, module: str, source: list[str]
) -> None:
    (runner.folder / "broken.py").write_text("import no_such_module\n")
    code = pickle.dumps(_Imported(module))
    frames = [("code", code), ("args", pickle.dumps(((), {})))]
    runner.become(env={"PATH": os.defpath, "PYTHONPATH": str(runner.folder)})
    runner.go(
        "envelope", [b"".join(pack({"kind": "call", "python": platform.python_version()}, frames))]
    )
    code_of_end, found = runner.end()
    assert (code_of_end, found.header["module"]) == (1, "no_such_module")
    said = found.header["traceback"].splitlines()
    assert [line.strip() for line in said if line.startswith("    ")] == source
    assert "ModuleNotFoundError" in said[-1]


class _Imported:
    """As cloudpickle pickles a module that a function uses: by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> Any:
        return cloudpickle.cloudpickle.subimport, (self.name,)


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
