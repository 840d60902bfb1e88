"""Modules that lie beside the notebook go along with what needs them."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

import mlq
from mlq import _local, _ship
from mlq._envelope import unpack
from mlq._local import find
from mlq._pickle import CallWriter
from mlq._ship import shipment
from projects import PROJ, by_value, cell, names, place, shipped


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
        assert caught[0].filename == shipped.__code__.co_filename

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
