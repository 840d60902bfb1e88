from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import mlq
from gates import busy, gate, travelling  # noqa: F401 - fixtures
from mlq import _local
from projects import beside, project  # noqa: F401
from runners import Runner
from scripted import Scripted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REPOSITORY = Path(__file__).parents[3]

# Run by name, where PyTorch is (`make .venv-torch/.made`); there it must not be left out.
collect_ignore = [] if importlib.util.find_spec("torch") else ["test_torch.py"]


# A shell that starts the tests in its background has them ignore SIGINT, and what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No test reads the configuration of who runs it, or talks to their server."""
    for name in [name for name in os.environ if name.startswith("MLQ_") and name != "MLQ_BIN"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.setattr("mlq._default._client", None)
    monkeypatch.setattr("mlq._default._others", {})


@pytest.fixture(autouse=True)
def _tests_are_no_local_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions of the tests do not bring the tests along; projects.py has modules of its own."""
    is_local, here = _local.is_local, str(Path(__file__).parent)
    monkeypatch.setattr(
        _local, "is_local", lambda path: path[: len(here)] != here and is_local(path)
    )


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with Scripted().running() as server:
        yield server


@pytest.fixture
def client(scripted: Scripted) -> Iterator[mlq.Client]:
    with mlq.Client(scripted.url, "secret") as made:
        yield made


@pytest.fixture
def stays(scripted: Scripted) -> Iterator[threading.Event]:
    """For ``Reply.stays``: set when the test is over."""
    event = threading.Event()
    yield event
    event.set()


class Server(NamedTuple):
    """A real `mlq dev`: its URL and its data folder."""

    url: str
    data: Path


def binary() -> Path | None:
    found = Path(os.environ.get("MLQ_BIN") or REPOSITORY / "bin" / "mlq")
    return found if found.exists() else None


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server with two CPU slots whose jobs run on this Python."""
    with dev(tmp_path_factory.mktemp("dev"), "cpu:2") as made:
        yield made


@pytest.fixture
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mlq.Client]:
    """A client of a real server of its own, with one simulated device."""
    with dev(tmp_path_factory.mktemp("sim"), "sim:1") as made, mlq.Client(made.url) as client:
        yield client


@contextlib.contextmanager
def dev(
    data: Path, gpus: str, pythons: Sequence[str] = (), flags: Sequence[str] = ()
) -> Iterator[Server]:
    """A real `mlq dev` with these devices, and environments (NAME=PATH) beside this one."""
    mlq_binary = binary()
    if mlq_binary is None:
        pytest.fail("no mlq binary: `make build` makes it, MLQ_BIN names another")
    url = f"http://127.0.0.1:{free_port()}"
    command = [str(mlq_binary), "dev", "--listen", url[7:], "--data", str(data)]
    command += ["--gpus", gpus, "--python", sys.executable, "--label", "data=imagenet"]
    command += flags
    log = (data / "dev.log").open("wb")
    command += [word for python in pythons for word in ("--python", python)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("MLQ_")}
    with (
        log,
        subprocess.Popen(
            command, env=env, stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            await_ready(url, process, data / "dev.log")
            yield Server(url, data)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
    shutil.rmtree(data, ignore_errors=True)


def free_port() -> int:
    """A port of loopback that nobody listens on now, and that the kernel gives to nobody."""
    for port in random.sample(range(20_000, 30_000), 100):  # below those that it chooses from
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no free port")


def await_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for /readyz, at most 30 s; show the log when the server does not come."""
    tick = threading.Event()
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        tick.wait(0.1)
    pytest.fail(f"mlq dev did not become ready:\n{log.read_text(errors='replace')[-4000:]}")


@pytest.fixture
def live(server: Server) -> Iterator[mlq.Client]:
    """A client of the real server."""
    with mlq.Client(server.url) as made:
        yield made


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """A spare interpreter that has no job yet."""
    started = Runner(tmp_path)
    yield started
    started.close()
