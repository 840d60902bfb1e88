"""``set_secret``: what is sent, and what is shown of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import mlq
from scripted import as_json, problem

if TYPE_CHECKING:
    from conftest import Server
    from scripted import Scripted


def test_what_is_sent(client: mlq.Client, scripted: Scripted) -> None:
    scripted.on("PUT /secrets/HF_TOKEN", as_json({"name": "HF_TOKEN", "set": "…"}))
    client.set_secret("HF_TOKEN", "hf_é")
    (request,) = scripted.requests
    assert json.loads(request.body) == {"value": "hf_é"}
    assert request.headers["Content-Type"] == "application/json"


def test_without_a_value_it_is_asked_for(
    client: mlq.Client, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def getpass(prompt: str) -> str:
        asked.append(prompt)
        return "typed"

    monkeypatch.setattr("getpass.getpass", getpass)
    scripted.on("PUT /secrets/HF_TOKEN", as_json({}))
    client.set_secret("HF_TOKEN")
    assert asked == ["value of HF_TOKEN (not shown): "]
    assert json.loads(scripted.requests[0].body) == {"value": "typed"}


def test_a_refusal_has_no_value(client: mlq.Client, scripted: Scripted) -> None:
    scripted.on("PUT /secrets/A%2FB", problem("invalid-field", 422, "want a name"))
    with pytest.raises(mlq.MlqError, match="want a name") as caught:
        client.set_secret("A/B", "marker-71")
    assert "marker-71" not in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [(1, "v"), ("A", 1), ("A", b"v")])
def test_other_types(client: mlq.Client, scripted: Scripted, name: Any, value: Any) -> None:
    with pytest.raises(TypeError, match="are str, not"):
        client.set_secret(name, value)
    assert not scripted.requests


def test_a_real_job_has_it(server: Server, live: mlq.Client) -> None:
    def tokens() -> list[str | None]:
        import os

        return [os.environ.get(name) for name in ("HF_TOKEN", "WANDB_API_KEY")]

    tokens.__module__ = "__main__"  # by value, as of a notebook
    live.set_secret("HF_TOKEN", "sealed")
    assert live.submit(tokens, secrets="HF_TOKEN").result(stream=False) == ["sealed", None]
    renamed = live.submit(tokens, secrets={"WANDB_API_KEY": "HF_TOKEN"})
    assert renamed.result(stream=False) == [None, "sealed"]
    with pytest.raises(mlq.MlqError, match="did you mean HF_TOKEN") as caught:
        live.submit(tokens, secrets=["HF_TOKN"])
    assert caught.value.code == "unknown-secret"
