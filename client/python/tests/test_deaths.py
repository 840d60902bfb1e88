"""Deaths that nobody meant, on real servers; docs/notebook.md has the same words."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import cloudpickle
import pytest

import mlq
from conftest import REPOSITORY, await_ready, binary, dev, free_port
from scripted import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripted import Scripted

LONG = 60.0  # seconds, far more than anything here takes
FAST = "100"  # times faster than the protocol: a host that is silent for 0.75 s is lost
PAGE = (REPOSITORY / "docs" / "notebook.md").read_text()
GROUPS = Path("/sys/fs/cgroup/memory")
TAIL = "\nThe last lines of its log:\nepoch 1"


@pytest.fixture(autouse=True)
def _by_value() -> Iterator[None]:
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    yield
    cloudpickle.unregister_pickle_by_value(here)


class Simulation:
    """A server of three simulated cards, and what their driver says of them."""

    client: mlq.Client

    def __init__(self, folder: Path) -> None:
        self.file, self.log = folder / "lab.yaml", folder / "dev" / "dev.log"
        self.says()

    def says(self, **cards: str) -> None:
        """Have the driver say this of cards of these models, and that the others are well."""
        models = {"H100": "", "A100": "", "L4": "", **cards}
        lines = [
            f"- {{name: {m}, model: {m}{more}}}" for m, more in models.items() if more != "gone"
        ]
        beside = self.file.with_suffix(".new")
        beside.write_text("\n".join(["devices:", *lines, ""]))
        beside.replace(self.file)

    def reported(self, xid: int) -> bool:
        """Whether the agent heard of it."""
        return f'"xid":{xid},' in self.log.read_text() or f"Xid {xid} " in self.log.read_text()


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    """Results may have 64 KiB there."""
    folder = tmp_path_factory.mktemp("simulation")
    cards = Simulation(folder)
    cards.log.parent.mkdir()
    flags = ("--time-scale", "10", "--max-blob", "64KiB", "--name", "lab-1")
    gpus = f"sim:{cards.file}"
    with (
        dev(cards.log.parent, gpus, flags=flags) as made,
        mlq.Client(made.url) as cards.client,
    ):
        yield cards


def until(holds: Callable[[], Any]) -> None:
    """Wait for a condition, with an end."""
    tick, deadline = threading.Event(), time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < deadline, "it never came to be"
        tick.wait(0.02)


def on_the_page(error: BaseException, **shown: str) -> str:
    """The first line of an error, which the page has with what is ``shown`` there instead."""
    text = line = str(error).splitlines()[0]
    for there, pattern in shown.items():
        line = re.sub(pattern, there, line)
    line = re.sub(r"\bjob \d+", "job 53", line)
    assert line in PAGE, line
    return text


def asleep(path: str) -> None:
    import os
    import time

    print("epoch 1", flush=True)
    while not os.path.exists(path):
        time.sleep(0.01)


def hungry_python() -> None:
    """Its own limit stands for a host with no more memory: Python is told so, and raises."""
    import resource

    print("epoch 1", flush=True)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    bytearray(8 << 30)


def hungry_in_group(group: str) -> None:
    """Takes more than its control group has, so that the kernel ends it."""
    import os

    print("epoch 1", flush=True)
    with open(os.path.join(group, "cgroup.procs"), "w") as procs:
        procs.write(str(os.getpid()))
    taken = bytearray(256 << 20)
    for at in range(0, len(taken), 4096):
        taken[at] = 1


def fails_after(path: str) -> None:
    asleep(path)
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


def aborts_after(path: str) -> None:
    import os

    asleep(path)
    os.abort()


def large() -> bytes:
    import os

    return os.urandom(128 << 10)


def test_python_without_memory(live: mlq.Client) -> None:
    job = live.submit(hungry_python)
    with pytest.raises(MemoryError) as caught:
        job.result(LONG, stream=False)
    assert "bytearray(8 << 30)" in str(caught.value.__cause__)
    assert job.details()["reason"] == "oom"


if os.access(GROUPS, os.W_OK):  # a machine that has cgroup v1, and a user who may use it

    def test_ended_by_the_kernel_for_its_memory(live: mlq.Client) -> None:
        group = GROUPS / f"mlq-test-{os.getpid()}"
        group.mkdir()
        try:
            (group / "memory.limit_in_bytes").write_text(str(64 << 20))
            with pytest.raises(mlq.JobOutOfMemory) as caught:
                live.submit(hungry_in_group, str(group)).result(LONG, stream=False)
        finally:
            until(lambda: not (group / "cgroup.procs").read_text())
            group.rmdir()
        on_the_page(caught.value)
        assert str(caught.value).endswith(TAIL)


def test_revoked_by_an_admin(live: mlq.Client, tmp_path: Path) -> None:
    job = live.submit(asleep, str(tmp_path / "never"), grace=1)
    until(job.running)
    live._transport.request("DELETE", f"/leases/{job.id}", query={"reason": "deadline tonight"})
    with pytest.raises(mlq.JobCancelled) as caught:
        job.result(LONG, stream=False)
    on_the_page(caught.value, **{"by admin": r"by \w+"})


def test_cancelled(live: mlq.Client, tmp_path: Path) -> None:
    job = live.submit(asleep, str(tmp_path / "never"), grace=1)
    job.cancel()
    with pytest.raises(mlq.JobCancelled) as caught:
        job.result(LONG, stream=False)
    on_the_page(caught.value, **{"by ana": r"by \w+"})


def test_a_result_that_is_too_large(simulation: Simulation) -> None:
    with pytest.raises(mlq.TooLarge) as caught:
        simulation.client.submit(large, gpu_type="H100").result(LONG, stream=False)
    on_the_page(caught.value, **{"131300": r"131\d\d\d"})


def test_an_exception_after_an_xid(simulation: Simulation, tmp_path: Path) -> None:
    job = simulation.client.submit(fails_after, str(tmp_path / "go"), gpu_type="H100")
    until(job.running)
    simulation.says(H100=", xids: [31]")
    until(lambda: simulation.reported(31))
    (tmp_path / "go").touch()
    with pytest.raises(RuntimeError, match="illegal memory access") as caught:
        job.result(LONG, stream=False)
    header = str(caught.value.__cause__).splitlines()
    assert header[2] == f"job {job.id} on lab-1 simulated GPU 0 (H100 80GB HBM3), attempt 1:"
    line = re.sub(r"SIM-\S+ at \S+", "GPU-5c1b… at 14:02:33", header[3])
    assert line in PAGE, line


def test_a_signal_after_an_xid(simulation: Simulation, tmp_path: Path) -> None:
    job = simulation.client.submit(aborts_after, str(tmp_path / "go"), gpu_type="A100")
    until(job.running)
    simulation.says(A100=", xids: [79]")
    until(lambda: simulation.reported(79))
    (tmp_path / "go").touch()
    with pytest.raises(mlq.JobLost) as caught:
        job.result(LONG, stream=False)
    on_the_page(caught.value, **{"GPU-5c1b… at 14:02:33": r"SIM-\S+ at [\d:]+"})
    assert str(caught.value).endswith(TAIL)


def test_a_device_that_is_gone(
    simulation: Simulation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The job waits for another one, and its user is told."""
    job = simulation.client.submit(asleep, str(tmp_path / "go"), gpu_type="L4")
    until(job.running)
    simulation.says(L4="gone")
    until(lambda: job.state == "queued")
    (tmp_path / "go").touch()
    simulation.says()
    job.result(LONG, stream=True)
    told = [line for line in capsys.readouterr().err.splitlines() if "is gone" in line]
    notice = re.sub(r"SIM-[^ ]+", "GPU-5c1b…", told[0]).partition(": ")[2]
    assert notice, told
    assert notice in PAGE


class Far:
    """A server, and the agent of another host: what is silent is its agent alone."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._folder = folder
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        data = self._folder / "serve"
        serve = self._run("serve", "--listen", self.url[7:], "--data", str(data))
        await_ready(self.url, serve, self._folder / "serve.log")
        token = self._folder / "token"
        admin = (data / "admin.token").read_text().strip()
        with mlq.Client(self.url, admin) as client:
            body = b'{"user": "lab-1", "role": "agent"}'
            headers = {"Content-Type": "application/json"}
            made = client._transport.request("POST", "/tokens", body=body, headers=headers)
            token.write_text(made.json()["token"])
        token.chmod(0o600)
        self.admin = admin
        flags = ["--server", self.url, "--token-file", str(token), "--name", "lab-1"]
        flags += ["--gpus", "cpu:1", "--python", sys.executable]
        self.agent = self._run("agent", "--data", str(self._folder / "agent"), *flags)

    def _run(self, *words: str) -> subprocess.Popen[bytes]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("MLQ_")}
        env["MLQ_TIME_SCALE"] = FAST
        with (self._folder / f"{words[0]}.log").open("wb") as log:
            daemon = subprocess.Popen(
                [str(binary()), *words], env=env, stdout=log, stderr=log, start_new_session=True
            )
        self._daemons.append(daemon)
        return daemon

    def stop(self) -> None:
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGCONT)
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait(10)


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    made = Far(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def runs(job: mlq.Job[Any], attempt: int) -> bool:
    return job.running() and len(job.details()["attempts"]) == attempt


def test_a_host_that_is_lost_again_and_again(far: Far, tmp_path: Path) -> None:
    with mlq.Client(far.url, far.admin) as client:
        job = client.submit(asleep, str(tmp_path / "never"))
        for n in range(4):
            until(partial(runs, job, n + 1))
            far.agent.send_signal(signal.SIGSTOP)
            until(lambda: not job.running())
            far.agent.send_signal(signal.SIGCONT)
        with pytest.raises(mlq.JobLost) as caught:
            job.result(LONG, stream=False)
    on_the_page(caught.value)


def test_a_host_that_gives_it_back_unrun(scripted: Scripted) -> None:
    """Twenty times, which takes hours with a real one. The words are those of the scheduler."""
    words = "unplaceable: released unrun 20 times, last by lab-1: no account of ana's on this host"
    scripted.on("GET /jobs/53/result", problem("job-failed", 409, words, reason="unplaceable"))
    with mlq.Client(scripted.url, "secret") as client, pytest.raises(mlq.JobLost) as caught:
        client.job(53).result(LONG, stream=False)
    on_the_page(caught.value)
