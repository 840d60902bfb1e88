"""Archives of modules on their way, and jobs that run with them on a real server."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

import pytest

import mlq
from mlq import _ship
from mlq._envelope import unpack
from projects import cell
from scripted import as_json, problem

if TYPE_CHECKING:
    from pathlib import Path

    from scripted import Request, Scripted


class TestSending:
    def test_a_small_archive_is_within_the_call(
        self, project: Path, client: mlq.Client, scripted: Scripted
    ) -> None:
        scripted.on("POST /jobs", as_json(7, 201))
        assert client.submit(importlib.import_module("alone").f, 1).id == 7
        (request,) = scripted.requests
        assert "modules" in unpack(bytearray(request.body)).frames

    def test_an_archive_is_sent_once(
        self, project: Path, client: mlq.Client, scripted: Scripted
    ) -> None:
        (project / "alone.py").write_bytes(
            b"def f(x): return x\n#" + os.urandom(9000).hex().encode()
        )
        there: dict[str, bytes] = {}

        def put(request: Request) -> Any:
            there[request.path.rpartition("/")[2]] = request.body
            return as_json({}, 201)

        def take(request: Request) -> Any:
            count = 2 if request.path.endswith("batch") else 1
            header = unpack(bytearray(request.body[: len(request.body) // count])).header
            if header["modules"]["sha256"] not in there:
                return problem("blob-missing", 409)
            return as_json([8, 9] if count == 2 else 7, 201)

        scripted.on("POST /jobs", take)
        scripted.on("POST /jobs/batch", take)
        scripted.otherwise = put
        f = importlib.import_module("alone").f
        client.submit(f, 1)
        client.submit(f, 2)
        client.map(f, [1, 2])
        methods = [f"{r.method} {r.path.partition('/blobs')[0]}" for r in scripted.requests]
        assert methods == ["POST /jobs", "PUT ", "POST /jobs", "POST /jobs", "POST /jobs/batch"]
        keys = [r.headers.get("Idempotency-Key") for r in scripted.asked("POST /jobs")]
        assert keys[0] == keys[1] != keys[2], "the second try is the same submission"

    def test_a_server_that_never_has_it(
        self, project: Path, client: mlq.Client, scripted: Scripted
    ) -> None:
        scripted.on("POST /jobs/batch", problem("blob-missing", 409))
        scripted.otherwise = lambda _: as_json({}, 201)
        with pytest.raises(mlq.MlqError):
            client.map(importlib.import_module("alone").f, [1, 2])
        assert len(scripted.asked("POST /jobs/batch")) == 2


class TestReal:
    """On a real server, with jobs that run where the notebook's folder is not."""

    def test_classes_resources_and_relative_imports(self, project: Path, live: mlq.Client) -> None:
        helper = importlib.import_module("helper")
        space = cell(
            """
            import helper
            def f(point):
                assert isinstance(point, helper.Point)
                import proj.model
                return helper.points(2), proj.model.WEIGHTS, helper.late(), helper.__file__
            """
        )
        points, weights, late, where = live.submit(space["f"], helper.Point(1)).result()
        assert [type(point) for point in points] == [helper.Point] * 2
        assert (weights, late) == (["0.25", "0.25"], 41)
        assert not where.startswith(str(project))

    def test_map_and_a_large_archive(self, project: Path, live: mlq.Client) -> None:
        noise = os.urandom(20_000).hex()
        (project / "alone.py").write_text(f"NOISE = {noise!r}\ndef f(x): return x + len(NOISE)\n")
        f = importlib.import_module("alone").f
        assert live.map(f, range(20)).results() == [40_000 + i for i in range(20)]
        assert live.submit(f, 2).result() == 40_002
        large = b"x" * (2 << 20)
        assert live.submit(
            cell("import alone\ndef f(x): return len(x) + alone.f(0)")["f"], large
        ).result() == (40_000 + len(large))

    def test_an_edit_after_the_submit_changes_nothing(
        self, project: Path, live: mlq.Client
    ) -> None:
        gate = project / "gate"
        space = cell(
            """
            def wait(gate):
                import os, time
                while not os.path.exists(gate): time.sleep(0.01)
            def f():
                import latest
                return latest.VALUE
            """
        )
        waiting = [live.submit(space["wait"], str(gate)) for _ in range(2)]  # both slots are taken
        queued = live.submit(space["f"])
        (project / "latest.py").write_text("VALUE = 42\n")
        later = live.submit(space["f"])
        gate.touch()
        assert (queued.result(), later.result()) == (41, 42)
        assert [job.result() for job in waiting] == [None, None]

    def test_an_error_shows_the_line(self, project: Path, live: mlq.Client) -> None:
        (project / "alone.py").write_text(
            "def f(x):\n    raise KeyError(x)  # a line of a module\n"
        )
        with pytest.raises(KeyError) as caught:
            live.run(importlib.import_module("alone").f, 1)
        assert "# a line of a module" in str(caught.value.__cause__)


def test_archives_that_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two threads that pack at once, one may find another's work done."""

    class Raced(dict):  # type: ignore[type-arg]
        def __delitem__(self, key: Any) -> None:
            super().pop(key)
            raise KeyError(key)

    monkeypatch.setattr(_ship, "_archives", Raced({(n,): n for n in range(_ship._KEPT)}))
    _ship._packed([])
    assert list(_ship._archives) == [(1,), (2,), (3,), ()]
