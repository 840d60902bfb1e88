"""What a function imports, compared with the environments of the hosts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

import mlq
from mlq import _installed
from mlq._check import judged
from mlq._errors import MlqError
from mlq._fleet import Environment
from mlq._modules import explained
from mlq._pickle import PYTHON
from scripted import as_json

if TYPE_CHECKING:
    from pathlib import Path

    from scripted import Scripted

MINOR = ".".join(PYTHON.split(".")[:2])


def environment(**fields: Any) -> Environment:
    given = {"host": "gpu1", "name": "default", "path": "/env/bin/python", "version": PYTHON}
    more = {"problem": "", "labels": {}, "modules": {}, "always": {}}
    return Environment(**{**given, **more, **fields})


@pytest.mark.parametrize(
    ("fields", "here", "verdict", "note"),
    [
        ({"modules": {"sklearn": "1.4.2"}}, {"sklearn": "1.4.2"}, "fits", ""),
        (
            {"modules": {"sklearn": "1.3"}},
            {"sklearn": "1.4.2"},
            "differs",
            "sklearn 1.3, here 1.4.2",
        ),
        ({"modules": {"pandas": "1.5"}}, {"pandas": "2.2"}, "would fail", "another major version"),
        ({"modules": {}}, {"sklearn": "1.4.2"}, "would fail", "sklearn is missing"),
        ({"modules": {"cupy": "13.0"}}, {"cupy": ""}, "fits", ""),
        ({"modules": {}}, {"cupy": ""}, "differs", "cupy is neither here nor there"),
        ({"modules": None}, {"sklearn": "1.4.2"}, "unknown", "has not told"),
        ({"modules": None}, {"torch": "2.5"}, "would fail", "torch is missing"),
        ({"modules": {}, "always": {"torch": "2.5"}}, {"torch": "2.5"}, "fits", ""),
        ({"version": "3.8.20"}, {}, "would fail", f"runs on {MINOR} only"),
        ({"version": MINOR + ".99"}, {}, "differs", f"Python {MINOR}.99, here {PYTHON}"),
        ({"problem": "cloudpickle is missing"}, {}, "would fail", "cloudpickle is missing"),
    ],
)
def test_judgement(fields: dict[str, Any], here: dict[str, str], verdict: str, note: str) -> None:
    found = judged(environment(**fields), here)
    assert found.verdict == verdict
    assert note in "; ".join(found.notes)
    assert bool(found.notes) == bool(note)


def test_versions_of_what_is_installed() -> None:
    found = _installed.versions(["pytest", "json", "sys", "no_such_module", "urllib3"])
    assert found == {
        "no_such_module": "",
        "pytest": pytest.__version__,
        "urllib3": sys.modules["urllib3"].__version__,
    }
    for standard in ("json", "sys", "zlib", "posixpath", "_thread", "ctypes"):
        assert _installed.is_standard(standard)


HOSTS = {
    "hosts": [
        {
            "host": "gpu1",
            "labels": {"rack": "a"},
            "environments": [
                {"name": "default", "path": "/a/bin/python", "version": PYTHON, "modules": {}},
                {
                    "name": "torch25",
                    "path": "/b/bin/python",
                    "version": PYTHON,
                    "modules": {"pytest": pytest.__version__},
                },
            ],
        },
        {
            "host": "<gpu2>",
            "environments": [{"name": "default", "path": "/a/bin/python", "version": "3.8.1"}],
        },
    ]
}


def needs_pytest() -> None:
    import json

    import pytest

    print(json, pytest)


@pytest.fixture
def fleet(client: mlq.Client, scripted: Scripted) -> mlq.Client:
    needs_pytest.__module__ = "__main__"
    scripted.on("GET /hosts", as_json(HOSTS))
    return client


def test_text_and_table(fleet: mlq.Client, scripted: Scripted) -> None:
    found = fleet.check(needs_pytest)
    assert found.ok
    assert found.modules == {"pytest": pytest.__version__}
    lines = repr(found).splitlines()
    assert lines[0] == f"needs_pytest: Python {PYTHON}; it imports pytest {pytest.__version__}"
    assert lines[1] == f"  default on gpu1 (Python {PYTHON}) would fail: pytest is missing"
    assert lines[2] == f"  torch25 on gpu1 (Python {PYTHON}) fits"
    assert lines[3].startswith("  default on <gpu2> (Python 3.8.1) would fail: a call of Python 3")
    table = found._repr_html_()
    assert "<td style='text-align:left'>&lt;gpu2&gt;</td>" in table
    assert "<script" not in table
    assert scripted.requests[0].query == {"modules": "true"}
    assert len(scripted.requests) == 1, "nothing is queued"


def test_what_a_host_reports_steers_no_terminal(fleet: mlq.Client, scripted: Scripted) -> None:
    bad = {"name": "a\x1b[2J", "version": "3.8.1", "problem": "gone\nx on y fits\u202e"}
    scripted.on("GET /hosts", as_json({"hosts": [{"host": "gpu\r", "environments": [bad]}]}))
    found = fleet.check(needs_pytest)
    line = "  a·[2J on gpu· (Python 3.8.1) would fail: gone·x on y fits·; "
    assert repr(found).splitlines()[1].startswith(line)
    assert not {"\x1b", "\r", "\n", "\u202e"} & set(found._repr_html_())


@pytest.mark.parametrize(
    ("request_fields", "names"),
    [
        ({"host": "gpu1"}, ["default", "torch25"]),
        ({"python": "torch25"}, ["torch25"]),
        ({"python": "/b/bin/python"}, ["torch25"]),
        ({"python": MINOR}, ["default", "torch25"]),
        ({"python": "3.8"}, ["default"]),
        ({"labels": {"rack": "a"}}, ["default", "torch25"]),
        ({"labels": {"rack": "b"}}, []),
    ],
)
def test_only_what_is_asked_for(
    fleet: mlq.Client, request_fields: dict[str, Any], names: list[str]
) -> None:
    found = fleet.check(needs_pytest, **request_fields)
    assert [env.name for env in found.environments] == names
    assert names or "no host has an environment" in repr(found)


def test_bad_input(fleet: mlq.Client, scripted: Scripted) -> None:
    with pytest.raises(TypeError, match="'gpu' is no request field"):
        fleet.check(needs_pytest, gpu=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="submit takes a function"):
        fleet.check(needs_pytest())  # type: ignore[func-returns-value, arg-type]
    scripted.on("GET /hosts", as_json({"hosts": [{"host": "a"}]}))
    with pytest.raises(MlqError, match="is no list of hosts"):
        fleet.check(needs_pytest)


def test_a_real_server(live: mlq.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beside_check.py").write_text("import urllib3\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def f() -> None:
        import beside_check  # type: ignore[import-not-found]
        import pytest

        print(beside_check, pytest)

    found = live.check(f)
    (env,) = found.environments
    assert (env.verdict, env.notes) == ("fits", ())
    assert found.modules.keys() == {"pytest", "urllib3"}
    assert found.sent == ("beside_check",)


class TestModuleNotFound:
    def said(self, client: mlq.Client, module: str) -> str:
        error = ModuleNotFoundError(f"No module named {module!r}", name=module)
        text = str(explained(client._transport, error))
        assert "\n" not in text
        return text

    def test_which_environments_have_it(self, fleet: mlq.Client) -> None:
        assert self.said(fleet, "pytest.fixtures").endswith(
            f"; pytest is in 'torch25' on gpu1 (Python {MINOR})"
        )

    def test_nobody_has_it(self, fleet: mlq.Client, scripted: Scripted) -> None:
        scripted.on("GET /hosts", as_json({"hosts": HOSTS["hosts"][:1]}))
        text = self.said(fleet, "nowhere")
        assert "it has to be installed there. Modules are sent along that lie beside the" in text

    def test_some_have_not_told(self, fleet: mlq.Client) -> None:
        assert "there are the environments 'default' on <gpu2>" in self.said(fleet, "nowhere")

    def test_a_local_one(
        self, fleet: mlq.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "plugin_x.py").write_text("")
        monkeypatch.syspath_prepend(str(tmp_path))
        assert "modules=['plugin_x'] sends it along" in self.said(fleet, "plugin_x")

    def test_a_real_job(
        self, live: mlq.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "plugin_y.py").write_text("KIND = 'y'")
        monkeypatch.syspath_prepend(str(tmp_path))

        def f(name: str) -> Any:
            import importlib

            return importlib.import_module("plugin_" + name).KIND

        with pytest.raises(ModuleNotFoundError, match=r"modules=\['plugin_y'\] sends it"):
            live.run(f, "y")
        assert live.options(modules=["plugin_y"]).run(f, "y") == "y"
