"""What ``submit`` and ``map`` send, seen by the server."""

from __future__ import annotations

import hashlib
import json
import pickle
import threading
from typing import TYPE_CHECKING, Any

import pytest

import mlq
from mlq._envelope import Envelope, unpack
from mlq._pickle import PYTHON
from mlq._request import FIELDS
from mlq._send import BATCH_JOBS
from scripted import DROP, Reply, as_json, problem, stored

if TYPE_CHECKING:
    from scripted import Request, Scripted

FIELD_VALUES: dict[str, Any] = {
    "gpus": 2,
    "gpu_mem": "40GB",
    "gpu_type": "H100",
    "min_cc": "8.0",
    "host": "gpu1",
    "labels": {"rack": "a"},
    "python": "torch25",
    "workdir": "/data",
    "env_vars": {"SEED": "1"},
    "secrets": ["HF_TOKEN"],
    "name": "ablation",
    "priority": -1,
    "timeout": "2h",
    "queue_timeout": 60,
    "retries": 2,
    "grace": 5,
    "run_at": "2030-01-01T00:00:00Z",
    "after": [1],
    "on_partition": "keep",
    "result_ttl": "7d",
    "key": "mine",
}


def train(msg: Any, lr: float = 0.1) -> Any:
    return msg


def sent(request: Request) -> Envelope:
    return unpack(bytearray(request.body))


def arguments(envelope: Envelope) -> Any:
    return pickle.loads(envelope.frames["args"], buffers=envelope.buffers())


@pytest.fixture
def accepting(scripted: Scripted) -> Scripted:
    scripted.on("POST /jobs", as_json(53, 201))
    return scripted


def test_a_call_is_one_request(accepting: Scripted, client: mlq.Client) -> None:
    job = client.submit(train, {"a": 1}, lr=0.5, gpus=2)
    (request,) = accepting.requests
    assert request.headers["Content-Type"] == "application/vnd.mlq.v1"
    assert sent(request).header["request"] == {"gpus": 2}
    assert arguments(sent(request)) == (({"a": 1},), {"lr": 0.5})
    assert (job.id, job.server, repr(job)) == (53, client.url, "<mlq.Job 53 train>")


def test_every_request_field_has_a_value_here() -> None:
    assert FIELD_VALUES.keys() == FIELDS.keys() - {"modules"}, "which is not for the server"


@pytest.mark.parametrize(("field", "value"), FIELD_VALUES.items())
def test_every_request_field_is_sent(
    accepting: Scripted, client: mlq.Client, field: str, value: Any
) -> None:
    client.submit(train, 1, **{field: value})
    client.options(**{field: value}).submit(train, 1)
    for request in accepting.requests:
        assert sent(request).header["request"] == {field: value}


def test_options_pass_all_keywords_to_the_function(accepting: Scripted, client: mlq.Client) -> None:
    def named(name: str, gpus: int) -> None: ...

    client.options(name="of the job").submit(named, name="x", gpus=7)
    envelope = sent(accepting.requests[0])
    assert envelope.header["request"] == {"name": "of the job"}
    assert arguments(envelope) == ((), {"name": "x", "gpus": 7})


def test_nothing_is_sent_of_a_wrong_call(scripted: Scripted, client: mlq.Client) -> None:
    wrong: list[Any] = [
        lambda: client.submit(train),
        lambda: client.submit(train, 1, learning_rate=2),
        lambda: client.submit(train, 1, gpus="two"),
        lambda: client.submit(train(1)),
        lambda: client.map(train),
        lambda: client.map(train, [1], key="k"),
        lambda: client.map(train, [1], [2], [3]),
        lambda: client.options(gpus=1).submit(train, 1, gpus=2),  # type: ignore[call-arg]
        lambda: client.submit(train, threading.Lock()),
        lambda: client.map(train, [1, threading.Lock()]),
    ]
    for attempt in wrong:
        with pytest.raises(TypeError):
            attempt()
    assert not scripted.requests


def test_a_lost_answer_is_asked_for_with_the_same_key(
    scripted: Scripted, client: mlq.Client
) -> None:
    scripted.on("POST /jobs", DROP, DROP, as_json(53, 201))
    assert client.submit(train, 1).id == 53
    keys = [r.headers["Idempotency-Key"] for r in scripted.requests]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    client.submit(train, 1)
    assert scripted.requests[-1].headers["Idempotency-Key"] != keys[0]


def test_the_users_own_key_is_the_key(accepting: Scripted, client: mlq.Client) -> None:
    client.submit(train, 1, key="ablation 1")
    assert accepting.requests[0].headers["Idempotency-Key"] == "ablation 1"
    client.submit(train, 1, key="Übung")
    assert "Idempotency-Key" not in accepting.requests[1].headers
    assert sent(accepting.requests[1]).header["request"] == {"key": "Übung"}


def test_a_large_call_goes_as_a_blob(accepting: Scripted, client: mlq.Client) -> None:
    data = bytes(range(256)) * 8192
    digests: list[str] = []

    def store(request: Request) -> Reply:
        digests.append(hashlib.sha256(request.body).hexdigest())
        return stored(request)

    accepting.otherwise = store
    client.submit(train, data, gpus=2)
    put, post = accepting.requests
    assert (put.method, put.path) == ("POST", "/blobs")
    assert arguments(sent(put)) == ((data,), {})
    body = json.loads(post.body)
    call = {"sha256": digests[0], "size": len(put.body), "function": "train"}
    assert {**call, "python": PYTHON} == body.pop("call")
    assert body == {"gpus": 2}
    assert post.headers["Idempotency-Key"]


@pytest.mark.parametrize("answer", [as_json("53", 201), as_json(0, 201), as_json([53], 201)])
def test_an_answer_without_an_id(scripted: Scripted, client: mlq.Client, answer: Reply) -> None:
    scripted.on("POST /jobs", answer)
    with pytest.raises(mlq.MlqError, match="a job's id"):
        client.submit(train, 1)


def test_what_can_never_run_is_refused_at_once(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on("POST /jobs", problem("unsatisfiable", 422, "needs 80 GB, the largest has 24"))
    with pytest.raises(mlq.Unsatisfiable, match="the largest has 24"):
        client.submit(train, 1, gpu_mem="80GB")


def members(body: bytes) -> list[Envelope]:
    """Take a batch apart; an envelope's length follows from its header."""
    found, rest = [], body
    while rest:
        head = json.loads(rest[8 : 8 + int.from_bytes(rest[4:8], "little")])
        end = 8 + int.from_bytes(rest[4:8], "little")
        for _, size in head["frames"]:
            end += size + (-end % 64 if size >= 4096 else 0)
        found.append(unpack(bytearray(rest[:end])))
        rest = rest[end:]
    return found


@pytest.fixture
def batching(scripted: Scripted) -> Scripted:
    def answer(request: Request) -> Reply:
        count = request.body.count(b"MLQ1")
        first = 1 + sum(r.body.count(b"MLQ1") for r in scripted.requests[:-1])
        return as_json(list(range(first, first + count)), 201)

    scripted.on("POST /jobs/batch", answer)
    return scripted


def test_map_is_one_request(batching: Scripted, client: mlq.Client) -> None:
    jobs = client.map(train, range(3), gpus=1, lr=0.2)
    (request,) = batching.requests
    assert request.headers["Content-Type"] == "application/vnd.mlq.v1+batch"
    assert request.headers["Idempotency-Key"]
    calls = members(request.body)
    assert [arguments(c) for c in calls] == [((n,), {"lr": 0.2}) for n in range(3)]
    assert all(c.header["request"] == {"gpus": 1} for c in calls)
    assert [job.id for job in jobs] == [1, 2, 3]
    assert repr(jobs) == "<mlq.JobList of 3: 1 … 3>"


def test_map_over_several_iterables(batching: Scripted, client: mlq.Client) -> None:
    client.options(name="n").map(train, [1, 2], [0.1, 0.2, 0.3])
    calls = members(batching.requests[0].body)
    assert [arguments(c)[0] for c in calls] == [(1, 0.1), (2, 0.2)]


def test_map_over_nothing(scripted: Scripted, client: mlq.Client) -> None:
    assert client.map(train, []) == []
    assert not scripted.requests


def test_a_long_map_is_as_many_requests_as_it_takes(batching: Scripted, client: mlq.Client) -> None:
    jobs = client.map(train, range(BATCH_JOBS + 5))
    assert [r.body.count(b"MLQ1") for r in batching.requests] == [BATCH_JOBS, 5]
    assert [job.id for job in jobs] == list(range(1, BATCH_JOBS + 6))


def test_a_map_that_fails_half_way_says_what_was_queued(
    scripted: Scripted, client: mlq.Client
) -> None:
    ids = as_json(list(range(1, BATCH_JOBS + 1)), 201)
    scripted.on("POST /jobs/batch", ids, problem("quota", 429, "over quota"))
    with pytest.raises(mlq.QuotaExceeded, match=r"over quota \(10000 jobs .* 1 to 10000\)"):
        client.map(train, range(BATCH_JOBS + 5))


def test_a_large_call_among_small_ones_keeps_its_turn(
    batching: Scripted, client: mlq.Client
) -> None:
    batching.on("POST /jobs", as_json(500, 201))
    batching.otherwise = stored
    jobs = client.map(train, [1, 2, b"x" * (2 << 20), 3])
    sent_to = [f"{r.method} {r.path.split('/')[1]}" for r in batching.requests]
    assert sent_to == ["POST jobs", "POST blobs", "POST jobs", "POST jobs"]
    assert jobs[2].id == 500
    assert len({job.id for job in jobs}) == 4


def test_fewer_ids_than_jobs(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on("POST /jobs/batch", as_json([1], 201))
    with pytest.raises(mlq.MlqError, match="one id for each job"):
        client.map(train, [1, 2])
