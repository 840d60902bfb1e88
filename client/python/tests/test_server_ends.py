"""Jobs that fail or are cancelled, against a real server."""

from __future__ import annotations

import concurrent.futures
import linecache
import os
import platform
import threading
import time
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

import mlq
from gates import LONG, until
from mlq._envelope import MEDIA_TYPE, pack

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("travelling")


class TestErrors:
    def test_its_own_type_with_the_remote_line(self, live: mlq.Client) -> None:
        def broken() -> NoReturn:
            raise LookupError("no such row")

        job = live.submit(broken)
        with pytest.raises(LookupError, match="no such row") as caught:
            job.result(LONG, stream=False)
        assert 'raise LookupError("no such row")' in str(caught.value.__cause__)
        assert f"job {job.id} on " in str(caught.value.__cause__)
        assert isinstance(job.exception(), LookupError)
        assert job.state == "failed"

    def test_the_line_of_a_cell_that_is_no_file(
        self, live: mlq.Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = "def cell():\n    raise LookupError('in a cell')\n"
        entry = (len(text), None, text.splitlines(keepends=True), "<cell 7>")
        monkeypatch.setitem(linecache.cache, "<cell 7>", entry)
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(text, "<cell 7>", "exec"), namespace)
        with pytest.raises(LookupError) as caught:
            live.submit(namespace["cell"]).result(LONG, stream=False)
        shown = "File \"<cell 7>\", line 2, in cell\n    raise LookupError('in a cell')\n"
        assert shown in str(caught.value.__cause__)

    def test_a_type_that_only_the_job_has(self, live: mlq.Client) -> None:
        def broken() -> NoReturn:
            class Fussy(Exception):
                def __reduce__(self) -> NoReturn:
                    raise TypeError("it stays where it is")

            raise Fussy("1 and 2")

        with pytest.raises(mlq.RemoteError, match="Fussy: 1 and 2"):
            live.submit(broken).result(LONG, stream=False)

    def test_a_crash_comes_with_the_end_of_its_log(self, live: mlq.Client) -> None:
        def crash() -> None:
            import os
            import signal

            print("last words", flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)

        with pytest.raises(mlq.JobLost, match="last words") as caught:
            live.submit(crash).result(LONG, stream=False)
        assert "SIGSEGV" in str(caught.value)
        assert caught.value.log_tail.splitlines()[-1] == "last words"

    @pytest.mark.parametrize("code", [b"junk", b"\x80\x05\x95\x10\0", b""])
    def test_a_call_that_is_no_pickle_is_not_tried_again(
        self, live: mlq.Client, code: bytes
    ) -> None:
        header = {
            "kind": "call",
            "function": "f",
            "python": platform.python_version(),
            "request": {"retries": 3},
        }
        body = b"".join(pack(header, [("code", code), ("args", b"")]))
        media = {"Content-Type": MEDIA_TYPE}
        sent = live._transport.request("POST", "/jobs", body=body, headers=media)
        job = live.job(sent.json())
        assert job.exception(LONG) is not None
        details = job.details()
        assert details["reason"] == "rejected"
        assert len(details["attempts"]) == 1

    def test_a_result_that_cannot_be_pickled(self, live: mlq.Client) -> None:
        def leak() -> Any:

            return {"lock": threading.Lock()}

        with pytest.raises(mlq.NotSerializable, match=r"result\['lock'\] cannot be pickled"):
            live.submit(leak).result(LONG, stream=False)

    def test_an_unknown_job(self, live: mlq.Client) -> None:
        with pytest.raises(mlq.MlqError, match="no such job") as caught:
            live.job(10**9).details()
        assert caught.value.code == "not-found"


class TestCancel:
    def test_a_job_that_waits_never_starts(
        self, live: mlq.Client, busy: list[mlq.Job[str]], gate: Path, tmp_path: Path
    ) -> None:
        mark = tmp_path / "ran"
        job = live.submit(mark.touch)
        assert job.position is not None
        assert "in use" in str(job.why()) or job.why().reasons
        assert job.cancel()
        with pytest.raises(mlq.JobCancelled):
            job.result(LONG, stream=False)
        assert job.cancelled()
        gate.touch()
        assert [j.result(LONG, stream=False) for j in busy] == ["seen", "seen"]
        assert not mark.exists()
        assert job.cancel() is True
        assert busy[0].cancel() is False

    def test_a_job_that_runs_may_clean_up(
        self, live: mlq.Client, gate: Path, tmp_path: Path
    ) -> None:
        def tidy(path: str, mark: str) -> None:

            import mlq

            try:
                print("started", flush=True)
                while not os.path.exists(path):
                    time.sleep(0.01)
            except mlq.Cancelled:
                open(mark, "w").close()
                raise

        mark = tmp_path / "tidied"
        job = live.submit(tidy, str(gate), str(mark))
        until(lambda: "started" in job.logs())
        assert job.cancel()
        with pytest.raises(concurrent.futures.CancelledError):
            job.result(LONG, stream=False)
        assert mark.exists()

    def test_retry(self, live: mlq.Client, tmp_path: Path) -> None:
        def second_time(path: str) -> str:
            import os

            if not os.path.exists(path):
                open(path, "w").close()
                raise RuntimeError("the first time")
            return "fine"

        job = live.submit(second_time, str(tmp_path / "seen"))
        assert isinstance(job.exception(LONG), RuntimeError)
        again = job.retry()
        assert again.id > job.id
        assert again.result(LONG, stream=False) == "fine"
        assert job.details()["requeued_as"] == again.id
