"""From an answer to a value or an exception; and the answers that are never taken for one."""

from __future__ import annotations

import pickle
import warnings
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

import pytest

import envelopes
import mlq
import mlq._result
from mlq._envelope import MEDIA_TYPE, pack
from scripted import Reply, as_json, problem

if TYPE_CHECKING:
    from pathlib import Path

    from scripted import Answerer, Scripted

ROUTE = "GET /jobs/53/result"


def ask(scripted: Scripted, *answers: Answerer, **client: Any) -> Any:
    scripted.on(ROUTE, *answers)
    with mlq.Client(scripted.url, **client) as made:
        return made.job(53).result(stream=False)


class Booby:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (open, (str(self.path), "w"))


@pytest.fixture
def booby(tmp_path: Path) -> Any:
    """The pickle of a value that must not be loaded; fails the test if it was."""
    path = tmp_path / "loaded"
    yield Booby(path)
    assert not path.exists(), "it was unpickled"


@pytest.mark.parametrize(
    "value",
    [
        b"\0\xffbytes",
        "text with ümlauts and \0",
        None,
        True,
        2**53,
        0.1,
        [1, {"a": [None, "b"]}],
        (1, 2),
        2**80,
        {1: "int keys"},
        {"set", "of", "text"},
        float("inf"),
        bytearray(b"x" * 10_000),
    ],
)
def test_a_value_comes_back_exactly(scripted: Scripted, value: Any) -> None:
    back = ask(scripted, envelopes.reply(envelopes.result(value)))
    assert back == value
    assert type(back) is type(value)


def test_large_buffers_come_back_writable(scripted: Scripted) -> None:
    value = [bytearray(100_000), bytearray(b"\1" * 5000)]
    back = ask(scripted, envelopes.reply(envelopes.result(value)))
    back[0][7] = 9
    assert back[1] == value[1]


def test_the_server_waits_not_the_client(scripted: Scripted) -> None:
    waiting = problem("not-finished", 404, headers={"Retry-After": "0"})
    done = envelopes.reply(envelopes.result("v"))
    assert ask(scripted, waiting, done) == "v"
    assert [r.query["wait"] for r in scripted.asked(ROUTE)] == ["30.000s", "30.000s"]


def test_timeout_leaves_the_job(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on(ROUTE, problem("not-finished", 404))
    with pytest.raises(TimeoutError, match="the job goes on"):
        client.job(53).result(timeout=0.1, stream=False)
    assert {r.method for r in scripted.requests} == {"GET"}


def test_a_result_is_fetched_once(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on(ROUTE, envelopes.reply(envelopes.result([1])))
    job = client.job(53)
    assert job.result(stream=False) is job.result(stream=False)
    assert len(scripted.asked(ROUTE)) == 1


# Answers that are not results (each leaves the booby trap alone).


def test_html(scripted: Scripted, booby: Booby) -> None:
    page = Reply(200, {"Content-Type": "text/html"}, envelopes.result(booby))
    with pytest.raises(mlq.MlqError, match="not MLQ's: status 200 with text/html"):
        ask(scripted, page)


def test_a_redirect_is_not_followed(scripted: Scripted, booby: Booby) -> None:
    away = Reply(302, {"Location": f"{scripted.url}/elsewhere", "Content-Type": MEDIA_TYPE})
    scripted.on("GET /elsewhere", envelopes.reply(envelopes.result(booby)))
    with pytest.raises(mlq.MlqError, match="redirect"):
        ask(scripted, away, token="secret")
    assert not scripted.asked("GET /elsewhere")


def test_a_wrong_digest(scripted: Scripted, booby: Booby) -> None:
    body = envelopes.result(booby)
    with pytest.raises(mlq.MlqError, match="damaged"):
        ask(scripted, envelopes.reply(body, ETag=f'"{envelopes.digest(b"other")}"'))


def test_no_digest(scripted: Scripted, booby: Booby) -> None:
    with pytest.raises(mlq.MlqError, match="damaged"):
        ask(scripted, Reply(200, {"Content-Type": MEDIA_TYPE}, envelopes.result(booby)))


def test_bytes_that_are_no_envelope(scripted: Scripted, booby: Booby) -> None:
    with pytest.raises(mlq.MlqError, match="not an envelope"):
        ask(scripted, envelopes.reply(pickle.dumps(booby)))


def test_a_frame_that_is_cut(scripted: Scripted, booby: Booby) -> None:
    with pytest.raises(mlq.MlqError, match="not an envelope: truncated"):
        ask(scripted, envelopes.reply(envelopes.result(booby)[:-1]))


def test_a_call_is_no_result(scripted: Scripted, booby: Booby) -> None:
    body = envelopes.result(booby).replace(b'"kind":"result"', b'"kind":"call"  ')
    with pytest.raises(mlq.MlqError, match="no value"):
        ask(scripted, envelopes.reply(body))


def test_a_body_that_breaks_off_is_asked_for_again(scripted: Scripted) -> None:
    body = envelopes.result("whole")
    cut = Reply(raw=_raw(body)[:-5])
    assert ask(scripted, cut, envelopes.reply(body)) == "whole"


def _raw(body: bytes) -> bytes:
    lines = f"HTTP/1.1 200 OK\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
    return f'{lines}ETag: "{envelopes.digest(body)}"\r\n\r\n'.encode() + body


def test_a_limit_refuses_before_it_is_read(scripted: Scripted) -> None:
    huge = Reply(200, {"Content-Type": MEDIA_TYPE, "Content-Length": str(1 << 31)})
    with pytest.raises(mlq.TooLarge, match=r"2147483648 bytes.*max_result.*download"):
        ask(scripted, huge, max_result=2_000_000_000)


def test_the_limit_can_be_moved(scripted: Scripted) -> None:
    body = envelopes.result("x" * 1000)
    with pytest.raises(mlq.TooLarge):
        ask(scripted, envelopes.reply(body), max_result=1000)
    assert len(ask(scripted, envelopes.reply(body), max_result=2000)) == 1000


def test_another_minor_is_not_unpickled(scripted: Scripted, booby: Booby) -> None:
    with pytest.raises(mlq.VersionMismatch, match=r"Python 3\.2\.1"):
        ask(scripted, envelopes.reply(envelopes.result(booby, python="3.2.1")))


def test_another_patch_warns_once(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlq._result, "_warned", set())
    other = ".".join([*envelopes.PYTHON.split(".")[:2], "999"])
    body = envelopes.result((1, 2), python=other)
    with pytest.warns(UserWarning, match=f"jobs run on Python {other}") as seen:
        ask(scripted, envelopes.reply(body))
    assert seen[0].filename == __file__, "it belongs to the user's line, not to one of ours"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ask(scripted, envelopes.reply(body)) == (1, 2)


def test_a_module_that_is_missing_here(scripted: Scripted) -> None:
    body = _pickled_result(b"\x80\x05cnot_installed_here\nthing\n.")
    with pytest.raises(mlq.MlqError, match="needs the module 'not_installed_here'"):
        ask(scripted, envelopes.reply(body))


def _pickled_result(pickled: bytes) -> bytes:
    header = {"kind": "result", "value": "pickle", "python": envelopes.PYTHON}
    return b"".join(pack(header, [("view", b"null"), ("pickle", pickled)]))


# Jobs that ended without a value.


GPU = {"host": "gpu1", "uuid": "GPU-1", "index": 2, "kind": "gpu", "model": "NVIDIA H100"}


def failed(scripted: Scripted, body: bytes, reason: str = "error") -> Reply:
    details = {
        "id": 53,
        "state": "failed",
        "reason": reason,
        "attempts": [{"n": 2, "host": "gpu1", "devices": ["GPU-1"]}],
        "result_info": {"sha256": envelopes.digest(body), "size": len(body)},
    }
    scripted.on("GET /jobs/53", as_json(details))
    return envelopes.reply(body, 409)


@pytest.mark.parametrize(
    ("gpus", "where"),
    [
        (as_json({"gpus": [GPU]}), "gpu1 GPU 2 (H100)"),
        (problem("forbidden", 403), "gpu1"),
        (as_json([]), "gpu1"),
    ],
)
def test_the_jobs_own_exception(scripted: Scripted, gpus: Reply, where: str) -> None:
    scripted.on("GET /gpus", gpus)
    body = envelopes.error(KeyError("lr"), type="KeyError", traceback='File "nb.py", line 3\n')
    with pytest.raises(KeyError, match="lr") as caught:
        ask(scripted, failed(scripted, body))
    assert f"job 53 on {where}, attempt 2:" in str(caught.value.__cause__)
    assert 'File "nb.py", line 3' in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("torch", "no torch; torch is in 'cu12' on gpu2 (Python 3.11)"),
        ("numpy", "no numpy; no environment of any host has it: it has to be installed there. "),
        (
            "lab.x",
            "no lab.x; there are the environments 'cu12' on gpu2 (Python 3.11), 'default' on gpu1",
        ),
    ],
)
def test_a_module_that_is_missing_there(scripted: Scripted, module: str, words: str) -> None:
    default = {"name": "default", "version": "3.9.2", "cloudpickle": "3.0.0"}
    cu12 = {"name": "cu12", "version": "3.11.7", "torch": "2.9.0"}
    hosts = [
        {"host": "gpu1", "environments": [default]},
        {"host": "gpu2", "environments": [cu12]},
    ]
    scripted.on("GET /hosts", as_json({"hosts": hosts}))
    error = ModuleNotFoundError(f"no {module}", name=module)
    with pytest.raises(ModuleNotFoundError) as caught:
        ask(scripted, failed(scripted, envelopes.error(error)))
    assert str(caught.value).startswith(words)
    assert caught.value.name == module
    assert "job 53" in str(caught.value.__cause__)


def test_a_module_that_is_missing_and_hosts_that_may_not_be_seen(scripted: Scripted) -> None:
    scripted.on("GET /hosts", problem("forbidden", 403, "not you"))
    error = ModuleNotFoundError("no torch", name="torch")
    with pytest.raises(ModuleNotFoundError, match=r"^no torch$"):
        ask(scripted, failed(scripted, envelopes.error(error)))


def test_it_can_be_raised_twice(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on(ROUTE, failed(scripted, envelopes.error(KeyError("lr"))))
    job = client.job(53)
    for _ in range(2):
        with pytest.raises(KeyError):
            job.result(stream=False)
    assert isinstance(job.exception(), KeyError)


@pytest.mark.parametrize(
    "pickled", [b"\x80\x05cno_such_module\nError\n.", b"garbage", pickle.dumps("no exception")]
)
def test_one_that_cannot_be_rebuilt_keeps_its_text(scripted: Scripted, pickled: bytes) -> None:
    body = envelopes.error(pickled, type="lab.Boom", message="too hot", traceback="line 7")
    with pytest.raises(mlq.RemoteError, match=r"^lab\.Boom: too hot$") as caught:
        ask(scripted, failed(scripted, body))
    assert caught.value.type_name == "lab.Boom"
    assert caught.value.message == "too hot"
    assert caught.value.traceback == "line 7"
    assert caught.value.job_id == 53
    assert "line 7" in str(caught.value.__cause__)


def test_an_exit_does_not_end_this_program(scripted: Scripted) -> None:
    body = envelopes.error(SystemExit(3), type="SystemExit", message="3")
    with pytest.raises(mlq.RemoteError, match="SystemExit: 3"):
        ask(scripted, failed(scripted, body))


def test_an_exception_of_another_minor_is_not_unpickled(scripted: Scripted, booby: Booby) -> None:
    body = envelopes.error(pickle.dumps(booby), python="3.2.1", type="E", message="m")
    with pytest.raises(mlq.RemoteError, match="E: m"):
        ask(scripted, failed(scripted, body))


def test_a_damaged_exception_is_not_unpickled(scripted: Scripted, booby: Booby) -> None:
    answer = failed(scripted, envelopes.error(pickle.dumps(booby)))
    failed(scripted, b"the record has another digest")
    with pytest.raises(mlq.MlqError, match="damaged"):
        ask(scripted, answer)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("error", mlq.JobLost),
        ("timeout", mlq.JobTimeout),
        ("expired", mlq.JobTimeout),
        ("oom", mlq.JobOutOfMemory),
        ("killed", mlq.JobLost),
        ("lost", mlq.JobLost),
        ("rejected", mlq.JobLost),
        ("dependency", mlq.JobLost),
        ("unplaceable", mlq.JobLost),
        ("a reason of a newer server", mlq.JobLost),
    ],
)
def test_how_a_job_died(scripted: Scripted, reason: str, expected: type[mlq.JobError]) -> None:
    log = "".join(f"line {n}\n" for n in range(1, 31)).encode()
    scripted.on("GET /jobs/53/logs", Reply(200, {"Content-Type": "text/plain"}, log))
    answer = problem("job-failed", 409, f"{reason}: SIGKILL", reason=reason, job=53)
    with pytest.raises(expected) as caught:
        ask(scripted, answer)
    assert type(caught.value) is expected
    assert "SIGKILL" in str(caught.value)
    assert (caught.value.job_id, caught.value.reason) == (53, reason)
    assert caught.value.log_tail.splitlines() == [f"line {n}" for n in range(11, 31)]
    assert "line 30" in str(caught.value)


def test_cancelled(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on(ROUTE, problem("job-cancelled", 410, "the job was cancelled by ana"))
    job = client.job(53)
    with pytest.raises(mlq.JobCancelled, match="by ana") as caught:
        job.result(stream=False)
    assert isinstance(caught.value, CancelledError)
    assert caught.value.job_id == 53
    with pytest.raises(CancelledError):
        job.exception()


def test_gone(scripted: Scripted) -> None:
    with pytest.raises(mlq.MlqError, match="not kept") as caught:
        ask(scripted, problem("result-gone", 410, "the result is not kept any more"))
    assert caught.value.code == "result-gone"
