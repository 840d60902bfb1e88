"""Which client the functions of the package are those of."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

import mlq
from mlq import _default

if TYPE_CHECKING:
    from scripted import Scripted


def test_the_last_one_is_the_default(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLQ_URL", "http://127.0.0.1:9")
    before = mlq.job(1)
    made = mlq.connect(scripted.url, "secret", max_result=7)
    assert isinstance(made, mlq.Client)
    assert _default.default_client() is made
    assert (mlq.job(2).server, made.max_result) == (scripted.url, 7)
    assert before.server == "http://127.0.0.1:9", "jobs stay with their server"
    assert not scripted.requests, "nothing is asked yet"


def test_what_is_wrong_leaves_the_default(scripted: Scripted) -> None:
    made = mlq.connect(scripted.url)
    with pytest.raises(mlq.MlqError):
        mlq.connect("http://gpu.example.org", "secret")
    assert _default.default_client() is made


def test_jobs_of_a_pickle_share_a_client_for_their_server(scripted: Scripted) -> None:
    """One stream of events for all of a server; and each token for its own server only."""
    first = mlq.connect(scripted.url, "secret")
    sent = [pickle.dumps(first.job(n)) for n in (1, 2)]
    mlq.connect("http://127.0.0.1:9", "another")
    back = [pickle.loads(data) for data in sent]
    assert back[0]._client is back[1]._client is first
    foreign = pickle.dumps(mlq.Client("http://127.0.0.1:10", "of its own").job(1))
    one, two = pickle.loads(foreign), pickle.loads(foreign)
    assert one._client is two._client
    assert one._client._transport.settings.token is None
