"""Each request field against a real server: a test that fails if it is ignored."""

from __future__ import annotations

import os
import platform
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

import mlq
from gates import LONG, add, until, wait_for

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("travelling")


def forgotten(job: mlq.Job[Any]) -> bool:
    """Whether the server knows nothing of a job any more."""
    try:
        job.details()
    except mlq.MlqError as err:
        return err.code == "not-found"
    return False


class TestFields:
    """Each request field: a test that fails if it is ignored."""

    def one(self, live: mlq.Client, **request: Any) -> Any:
        return live.options(**request).submit(add, 1).result(LONG, stream=False)

    def never(self, live: mlq.Client, words: str, **request: Any) -> None:
        """Refused before it is queued, with what was asked for in the words."""
        with pytest.raises(mlq.Unsatisfiable, match=words):
            live.options(**request).submit(add, 1)

    def test_gpus(self, live: mlq.Client) -> None:
        job = live.submit(add, 1, gpus=2)
        assert job.result(LONG, stream=False) == 1
        assert len(job.details()["attempts"][0]["devices"]) == 2
        self.never(live, "no host has 60 devices", gpus=60)

    def test_gpu_mem(self, live: mlq.Client) -> None:
        self.never(live, "no memory, model or capability", gpu_mem="900TB")

    def test_gpu_type(self, live: mlq.Client) -> None:
        self.never(live, "no memory, model or capability", gpu_type="H100")

    def test_min_cc(self, live: mlq.Client) -> None:
        self.never(live, "no memory, model or capability", min_cc=(9, 0))

    def test_host(self, live: mlq.Client) -> None:
        job = live.submit(add, 1)
        job.result(LONG, stream=False)
        here = job.details()["attempts"][0]["host"]
        assert self.one(live, host=here) == 1
        self.never(live, "no-such-host", host="no-such-host")

    def test_labels(self, live: mlq.Client) -> None:
        self.never(live, "rack=none", labels={"rack": "none"})

    def test_python(self, live: mlq.Client) -> None:
        assert self.one(live, python="default") == 1
        assert self.one(live, python=".".join(platform.python_version_tuple()[:2])) == 1
        with pytest.raises(mlq.Unsatisfiable):
            self.one(live, python="no-such-environment")

    def test_workdir(self, live: mlq.Client, tmp_path: Path) -> None:
        job = live.submit(os.getcwd, workdir=tmp_path)
        assert job.result(LONG, stream=False) == str(tmp_path)

    def test_env_vars(self, live: mlq.Client) -> None:
        job = live.submit(os.getenv, "SEED", env_vars={"SEED": "7"})
        assert job.result(LONG, stream=False) == "7"
        with pytest.raises(mlq.MlqError, match="belongs to the system"):
            live.submit(add, 1, env_vars={"LD_PRELOAD": "x"})

    def test_name(self, live: mlq.Client) -> None:
        assert live.submit(add, 1, name="ablation").details()["name"] == "ablation"

    def test_priority(self, live: mlq.Client, busy: list[mlq.Job[str]], gate: Path) -> None:
        low = live.submit(add, 1, priority=-5)
        high = live.submit(add, 1, priority=0)
        assert (high.position, low.position) == (1, 2)
        gate.touch()
        assert [low.result(LONG, stream=False), high.result(LONG, stream=False)] == [1, 1]

    def test_timeout(self, live: mlq.Client, gate: Path) -> None:
        job = live.submit(wait_for, str(gate), timeout="1s", grace=1)
        with pytest.raises(mlq.JobTimeout):
            job.result(LONG, stream=False)
        assert not gate.exists()

    def test_queue_timeout(self, live: mlq.Client, busy: list[mlq.Job[str]], gate: Path) -> None:
        job = live.submit(add, 1, queue_timeout=timedelta(seconds=0.2))
        with pytest.raises(mlq.JobTimeout):
            job.result(LONG, stream=False)
        assert job.details()["reason"] == "expired"

    def test_retries(self, live: mlq.Client, tmp_path: Path) -> None:
        def second_time(path: str) -> str:
            import os

            if not os.path.exists(path):
                open(path, "w").close()
                raise RuntimeError("the first time")
            return "fine"

        job = live.submit(second_time, str(tmp_path / "seen"), retries=1)
        assert job.result(LONG, stream=False) == "fine"
        assert len(job.details()["attempts"]) == 2

    def test_grace(self, live: mlq.Client, gate: Path) -> None:
        def stubborn(path: str) -> None:
            import time

            import mlq

            print("started", flush=True)
            while not os.path.exists(path):
                try:
                    time.sleep(0.01)
                except mlq.Cancelled:
                    print("refuses", flush=True)

        job = live.submit(stubborn, str(gate), grace=0.2)
        until(lambda: "started" in job.logs())
        begun = time.monotonic()
        job.cancel()
        with pytest.raises(mlq.JobCancelled):
            job.result(LONG, stream=False)
        assert time.monotonic() - begun < 9, "the default grace is 10 s"

    def test_run_at(self, live: mlq.Client) -> None:
        later = datetime.now(timezone.utc) + timedelta(hours=1)
        job = live.submit(add, 1, run_at=later)
        assert job.state == "scheduled"
        assert job.cancel()

    def test_after(self, live: mlq.Client, gate: Path) -> None:
        first = live.submit(wait_for, str(gate))
        second = live.submit(add, 1, after=first)
        assert second.state == "scheduled"
        gate.touch()
        assert second.result(LONG, stream=False) == 1
        assert first.done()

    def test_after_a_job_that_fails(self, live: mlq.Client) -> None:
        first = live.submit(add, 1, "x")
        with pytest.raises(mlq.JobLost, match=str(first.id)):
            live.submit(add, 1, after=[first]).result(LONG, stream=False)

    def test_on_partition(self, live: mlq.Client) -> None:
        assert self.one(live, on_partition="keep") == 1
        with pytest.raises(mlq.MlqError, match="on_partition"):
            live.submit(add, 1, on_partition="sometimes")

    def test_result_ttl(self, live: mlq.Client) -> None:
        job, kept = live.submit(add, 1, result_ttl="1s"), live.submit(add, 2)
        assert (job.result(LONG, stream=False), kept.result(LONG, stream=False)) == (1, 2)
        until(lambda: forgotten(live.job(job.id)))
        assert live.job(kept.id).result(LONG, stream=False) == 2
        with pytest.raises(mlq.MlqError, match="result_ttl"):
            live.submit(add, 1, result_ttl=0)

    def test_key(self, live: mlq.Client) -> None:
        key = os.urandom(8).hex()
        first = live.submit(add, 1, key=key)
        assert live.submit(add, 1, key=key) == first
        with pytest.raises(mlq.MlqError) as caught:
            live.submit(add, 2, key=key)
        assert caught.value.code == "key-reused"
