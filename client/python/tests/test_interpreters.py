"""A call runs on the minor version that pickled it, or is refused before it is queued."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

import mlq
import pythons
from conftest import Server, dev
from mlq._errors import VersionMismatch
from mlq._pickle import CallWriter
from pythons import Python, run

if TYPE_CHECKING:
    from collections.abc import Iterator

WANTED = 2  # further minors
OWN = "{}.{}".format(*sys.version_info[:2])

SCRIPT = """
import sys, warnings
warnings.simplefilter("error")
import dataclasses, enum, typing
import mlq

@dataclasses.dataclass
class Config:
    rate: float
    names: list = dataclasses.field(default_factory=list)

class Pair(typing.NamedTuple):
    a: int
    b: str = "b"

class Colour(enum.Enum):
    RED = 1

def job(config, *, scale=2):
    def inner(x):
        match = [y * scale for y in range(x)]
        assert isinstance(config, Config)
        return match
    return sys.version_info[:2], inner(3), dataclasses.asdict(config), Pair(1), Colour.RED

with mlq.Client(sys.argv[1]) as lab:
    found = lab.submit(job, Config(0.5, ["x"]), scale=3).result(60)
    config = {"rate": 0.5, "names": ["x"]}
    assert found == (sys.version_info[:2], [0, 3, 6], config, (1, "b"), Colour.RED), found
    assert type(found[3]) is Pair
    assert lab.map(lambda x: x + 1, [1, 2]).results(60) == [2, 3]
print("ran", *sys.version_info[:2])
"""

REFUSED = """
import sys, mlq
def job(): return 1
try:
    mlq.Client(sys.argv[1]).submit(job)
except mlq.VersionMismatch as err:
    print(err)
"""


@pytest.fixture(scope="module")
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Python]:
    """The environments of other minors; says which there are, and which not."""
    made, missing = pythons.others(tmp_path_factory.mktemp("pythons"))
    said = [f"{python.minor} runs" for python in made]
    said += [f"{minor} {why}" for minor, why in missing.items()]
    capture: Any = request.config.pluginmanager.get_plugin("capturemanager")
    reporter: Any = request.config.pluginmanager.get_plugin("terminalreporter")
    with capture.global_and_fixture_disabled():
        reporter.write_line(f"\ninterpreters beside {OWN}: {', '.join(said)}")
    if len(made) < WANTED:
        text = f"{len(made)} further minors of Python here, {WANTED} are needed: {', '.join(said)}"
        if os.environ.get("MLQ_NO_SKIP") == "1":
            pytest.fail(text)
        pytest.skip(text)
    return made


@pytest.fixture(scope="module")
def every(found: list[Python], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an environment of each minor."""
    more = [f"py{python.minor.replace('.', '')}={python.path}" for python in found]
    with dev(tmp_path_factory.mktemp("every"), "cpu:2", more) as made:
        yield made


def test_each_runs_on_its_own(found: list[Python], every: Server) -> None:
    for python in found:
        done = run(python, SCRIPT, every.url)
        assert done.stdout.split() == ["ran", *python.minor.split(".")], done.stderr


def test_of_another_minor_nothing_is_queued(found: list[Python], server: Server) -> None:
    with mlq.Client(server.url) as client:
        before = client.submit(os.getpid).id
        for python in found:
            done = run(python, REFUSED, server.url)
            assert f"default is Python {OWN}, the call needs {python.minor}" in done.stdout
            assert done.stderr == ""
        assert client.submit(os.getpid).id == before + 1


def test_the_named_environment_must_fit(every: Server, found: list[Python]) -> None:
    name = "py" + found[0].minor.replace(".", "")
    with mlq.Client(every.url) as client, pytest.raises(VersionMismatch, match=OWN):
        client.submit(os.getpid, python=name)


@pytest.mark.parametrize("version", ["1.6.0", "2.2.0", "2.2.1", "dev"])
def test_an_old_cloudpickle_is_refused(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr("cloudpickle.__version__", version)
    with pytest.raises(VersionMismatch, match=rf"cloudpickle {version}.*pip install") as caught:
        CallWriter(os.getpid, {})
    assert "dataclass" in str(caught.value)


@pytest.mark.parametrize("version", ["3.0.0", "3.1.3", "4.0", "10.1"])
def test_newer_ones_are_taken(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr("cloudpickle.__version__", version)
    CallWriter(os.getpid, {})
