"""Modules that lie beside the notebook go along with what needs them."""

from __future__ import annotations

import importlib
import io
import os
import sys
import textwrap
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import mlq
from mlq import _local, _ship, _stale
from mlq._envelope import unpack
from mlq._local import find
from mlq._pickle import CallWriter
from mlq._ship import shipment
from scripted import as_json, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripted import Request, Scripted


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the notebook; what is imported from it is forgotten at the end."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def place(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
        path.write_bytes(data)
    importlib.invalidate_caches()


def by_value(function: Any) -> Any:
    """As a function of a notebook is."""
    function.__module__ = "__main__"
    return function


def cell(source: str) -> dict[str, Any]:
    """What a cell of a notebook defines."""
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(textwrap.dedent(source), "<cell>", "exec"), space)
    return space


def names(writer: CallWriter, *args: Any) -> set[str]:
    envelope = unpack(bytearray(b"".join(writer.write(args, {}))))
    data = envelope.frames.get("modules")
    if data is None:
        reference = envelope.header.get("modules")
        if reference is None:
            return set()
        data = memoryview(writer.archives[reference["sha256"]])
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return set(packed.namelist())


def shipped(function: Any, *args: Any, **request: Any) -> set[str]:
    return names(CallWriter(function, request), *args)


PROJECT: dict[str, str | bytes] = {
    "alone.py": "def f(x):\n    return x + 1\n",
    "helper.py": """
        import os, json
        import deeper

        class Point:
            def __init__(self, x): self.x = x

        def late():
            import latest
            return latest.VALUE

        def points(n):
            return [Point(i) for i in range(n)]
        """,
    "deeper.py": "from proj.model import WEIGHTS\n",
    "latest.py": "VALUE = 41\n",
    "unused.py": "raise RuntimeError('never imported')\n",
    "proj/__init__.py": "from . import model\n",
    "proj/model.py": "from .sub import inner\nWEIGHTS = inner.load()\n",
    "proj/sub/__init__.py": "",
    "proj/sub/inner.py": """
        from importlib import resources
        from pathlib import Path

        def load():
            text = resources.files("proj.sub").joinpath("weights.txt").read_text()
            return [text, (Path(__file__).parent / "weights.txt").read_text()]
        """,
    "proj/sub/weights.txt": "0.25",
    "proj/notes.ipynb": "{}",
    "proj/.git/config": "secret",
    "proj/__pycache__/model.pyc": b"\0",
    "proj/venv/pyvenv.cfg": "home = /usr",
    "proj/venv/lib/thing.py": "",
    "space/plugin.py": "import alone\nKIND = 'plugin'\n",
    "space/other.py": "",
}
PROJ = {
    "proj/__init__.py",
    "proj/model.py",
    "proj/sub/__init__.py",
    "proj/sub/inner.py",
    "proj/sub/weights.txt",
}


@pytest.fixture
def project(beside: Path) -> Path:
    place(beside, PROJECT)
    return beside


class TestWhatIsSent:
    def test_a_function_of_a_module(self, project: Path) -> None:
        assert shipped(importlib.import_module("alone").f, 1) == {"alone.py"}

    def test_all_that_it_imports_also_within_functions(self, project: Path) -> None:
        late = importlib.import_module("helper").late
        assert shipped(late) == {"helper.py", "deeper.py", "latest.py"} | PROJ

    def test_a_module_as_a_global_of_a_cell(self, project: Path) -> None:
        assert shipped(cell("import alone\ndef f(x): return alone.f(x)")["f"], 1) == {"alone.py"}

    def test_an_import_within_a_function_of_a_cell(self, project: Path) -> None:
        f = cell("def f():\n  def g():\n    from proj.sub import inner\n  return g")["f"]
        assert shipped(f) == PROJ
        assert "proj" not in sys.modules, "it was not imported for this"

    def test_an_argument(self, project: Path) -> None:
        point = importlib.import_module("helper").Point(1)
        writer = CallWriter(by_value(lambda x: x), {})
        assert names(writer, 1) == set()
        assert "helper.py" in names(writer, {"a": [point]})
        assert "helper.py" in names(writer, 2), "it stays: the same archive for all that follow"

    def test_of_a_folder_without_init_only_what_is_used(self, project: Path) -> None:
        assert shipped(cell("def f():\n  from space import plugin")["f"]) == {
            "space/plugin.py",
            "alone.py",
        }

    def test_nothing_of_an_installation(self, beside: Path) -> None:
        target = beside / "target"
        place(
            beside,
            {
                "lib/site-packages/there.py": "",
                "target/thing.py": "",
                "target/thing-1.0.dist-info/METADATA": "Name: thing",
            },
        )
        sys.path[:0] = [str(beside / "lib/site-packages"), str(target)]
        assert find("there") is None
        assert find("thing") is None
        for name in ("json", "sys", "pytest", "cloudpickle", "mlq", "_ctypes", "no_such", "a.b"):
            assert find(name) is None
        assert (
            shipped(cell("import json, cloudpickle\ndef f(): return json, cloudpickle")["f"])
            == set()
        )

    def test_a_link_into_an_installation(self, project: Path) -> None:
        (project / "linked.py").symlink_to(Path(pytest.__file__))
        assert find("linked") is None

    def test_an_editable_install(self, beside: Path) -> None:
        """Its code is in somebody's hands: it goes along, as it is now."""
        place(beside, {"src/mine/__init__.py": "def f(): pass", "src/mine.egg-info/PKG-INFO": ""})
        sys.path.insert(0, str(beside / "src"))
        assert shipped(importlib.import_module("mine").f) == {"mine/__init__.py"}

    def test_more_than_is_seen_and_none(self, project: Path) -> None:
        f = importlib.import_module("alone").f
        assert shipped(f, 1, modules=["latest"]) == {"alone.py", "latest.py"}
        assert shipped(f, 1, modules=False) == set()
        with pytest.raises(mlq.NotSerializable, match="no local module 'json'"):
            CallWriter(f, {"modules": ["json"]})
        envelope = unpack(bytearray(b"".join(CallWriter(f, {"modules": False}).write((1,), {}))))
        assert "request" not in envelope.header

    def test_equal_code_has_equal_bytes(self, project: Path) -> None:
        def packed() -> _ship.Archive:
            _ship._archives.clear()
            made = shipment(True)
            assert made
            made.add(["proj", "helper"])
            return made.archive()

        first = packed()
        for path in project.rglob("*.py"):
            os.utime(path, (1, 1))
        assert packed() == first
        (project / "proj/sub/weights.txt").write_text("0.5")
        assert packed().sha256 != first.sha256

    def test_modules_is_a_bool_or_names(self, client: mlq.Client) -> None:
        for wrong in (1, ("a",), [1], {"a": 1}):
            with pytest.raises(TypeError, match="modules must be"):
                client.submit(by_value(lambda: None), modules=wrong)


class TestLimits:
    def test_too_large(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_ship, "MAX_MODULES", 3 << 20)
        (project / "proj/a.bin").write_bytes(bytes(2 << 20))
        (project / "proj/b.bin").write_bytes(bytes(3 << 19))
        f = cell("def f(): import proj")["f"]
        with pytest.raises(mlq.TooLarge, match=r"have 3\.5 MiB, and 3\.0 MiB can") as caught:
            CallWriter(f, {})
        text = str(caught.value)
        assert text.index(f"{project}/proj/a.bin (2.0 MiB)") < text.index("b.bin (1.5 MiB)")
        assert "modules=False" in text
        CallWriter(f, {"modules": False})

    def test_the_limits_are_what_the_page_says(self) -> None:
        assert (_ship.MAX_MODULES, _ship.MAX_DATA, _local.MAX_FILES) == (16 << 20, 4 << 20, 4000)

    def test_large_data_stays_here_and_is_named(self, project: Path) -> None:
        data = project / "proj/images.bin"
        data.write_bytes(bytes((4 << 20) + 1))
        f = cell("def f(): import proj")["f"]
        with pytest.warns(UserWarning, match=r"images\.bin \(4\.0 MiB\) is not sent") as caught:
            assert shipped(f) == PROJ
        assert caught[0].filename == __file__

    def test_too_many_files(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_local, "MAX_FILES", 4)
        with pytest.raises(mlq.TooLarge, match=r"package proj in .* has more than 4 files"):
            CallWriter(cell("def f(): import proj")["f"], {})

    def test_a_link_that_leads_round(self, project: Path) -> None:
        (project / "proj/again").symlink_to(project / "proj")
        (project / "proj/gone.txt").symlink_to(project / "nowhere")
        os.mkfifo(project / "proj/pipe")
        assert shipped(cell("def f(): import proj")["f"]) == PROJ

    def test_source_that_is_no_python_is_sent_as_it_is(self, project: Path) -> None:
        (project / "latest.py").write_text("def half(")
        assert shipped(cell("def f(): import latest")["f"]) == {"latest.py"}


class TestStale:
    """What is on disk is sent, and who has something else loaded is told."""

    @pytest.fixture
    def module(self, beside: Path) -> Any:
        place(
            beside,
            {
                "tuned.py": """
                    RATE = 0.5
                    COUNT = 0
                    def f(x):
                        return x * RATE
                    def bump():
                        global COUNT
                        COUNT += 1
                    class Net:
                        def forward(self): return [i for i in range(3)]
                        @staticmethod
                        def make(): return Net()
                    """
            },
        )
        return importlib.import_module("tuned")

    def changed(self, module: Any, old: str, new: str) -> None:
        path = Path(module.__file__)
        path.write_text(path.read_text().replace(old, new))

    def said(self, module: Any) -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            CallWriter(module.f, {})
        return [str(warning.message) for warning in caught]

    def test_nothing_is_said_where_they_agree(self, module: Any) -> None:
        module.bump()
        self.changed(module, "RATE = 0.5", "# a remark moves all lines\nRATE = 0.5")
        assert self.said(module) == []

    @pytest.mark.parametrize(
        ("old", "new", "named"),
        [
            ("x * RATE", "x + RATE", "(f)"),
            ("range(3)", "range(4)", "(Net.forward)"),
            ("return Net()", "return Net", "(Net.make)"),
            ("RATE = 0.5", "RATE = 0.25", "(RATE)"),
            ("def f(x)", "def g(x)", "(f)"),
        ],
    )
    def test_an_edit_is_named(self, module: Any, old: str, new: str, named: str) -> None:
        self.changed(module, old, new)
        (text,) = self.said(module)
        assert f"of tuned.py is not what is on disk {named}: the job gets what is on disk" in text
        assert self.said(module) == [], "once is enough"
        importlib.reload(module)
        assert "def g" in new or self.said(module) == []

    def test_an_attribute_that_was_set(self, module: Any) -> None:
        module.RATE = 2
        assert "(RATE)" in self.said(module)[0]


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


def test_a_set_of_another_order_is_the_same_constant() -> None:
    """As from a .pyc: the order of a set's repr is that in which it was filled."""

    def code(*constants: Any) -> Any:
        return _stale._shape(test_archives_that_are_left.__code__.replace(co_consts=constants))

    one, other = frozenset([0, 8, 16]), frozenset([16, 8, 0])
    assert repr(one) != repr(other)
    assert code(one, (1, one)) == code(other, (1, other))
    assert code(one) != code(frozenset([0, 8]))
    assert code((1, 2)) != code((True, 2)) != code(frozenset([1, 2]))


def test_archives_that_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two threads that pack at once, one may find another's work done."""

    class Raced(dict):  # type: ignore[type-arg]
        def __delitem__(self, key: Any) -> None:
            super().pop(key)
            raise KeyError(key)

    monkeypatch.setattr(_ship, "_archives", Raced({(n,): n for n in range(_ship._KEPT)}))
    _ship._packed([])
    assert list(_ship._archives) == [(1,), (2,), (3,), ()]
