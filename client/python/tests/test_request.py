"""Request fields: what Python users write becomes what the server reads."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import mlq
from mlq._request import FIELDS, normalise

HERE = "http://127.0.0.1:5001"


@pytest.mark.parametrize(
    ("field", "given", "sent"),
    [
        ("gpus", 2, 2),
        ("gpu_mem", "40GB", "40GB"),
        ("gpu_mem", 1 << 30, 1 << 30),
        ("gpu_type", "H100", "H100"),
        ("min_cc", "8.0", "8.0"),
        ("min_cc", 8.6, "8.6"),
        ("min_cc", (9, 0), "9.0"),
        ("host", "gpu1", "gpu1"),
        ("labels", {"rack": "a"}, {"rack": "a"}),
        ("python", "torch25", "torch25"),
        ("python", Path("/opt/env/bin/python"), "/opt/env/bin/python"),
        ("workdir", Path("/data"), "/data"),
        ("env_vars", {"SEED": "1"}, {"SEED": "1"}),
        ("secrets", "HF_TOKEN", ["HF_TOKEN"]),
        ("secrets", ("HF_TOKEN", "A"), ["HF_TOKEN", "A"]),
        ("secrets", {"WANDB_API_KEY": "wandb"}, {"WANDB_API_KEY": "wandb"}),
        ("name", "ablation", "ablation"),
        ("priority", -3, -3),
        ("timeout", "2h", "2h"),
        ("timeout", 90, 90),
        ("timeout", timedelta(hours=2), 7200.0),
        ("queue_timeout", timedelta(days=1), 86400.0),
        ("retries", 3, 3),
        ("grace", 0.5, 0.5),
        ("run_at", datetime(2026, 11, 24, 8, tzinfo=timezone.utc), "2026-11-24T08:00:00Z"),
        ("run_at", "2026-11-24T08:00:00Z", "2026-11-24T08:00:00Z"),
        ("run_at", 1.5e9, 1.5e9),
        ("after", 53, [53]),
        ("after", [53, 54], [53, 54]),
        ("on_partition", "keep", "keep"),
        ("result_ttl", "7d", "7d"),
        ("key", "ablation-1", "ablation-1"),
    ],
)
def test_what_is_sent(field: str, given: Any, sent: Any) -> None:
    assert normalise({field: given}, HERE) == {field: sent}


def test_a_job_as_after() -> None:
    client = mlq.Client("http://127.0.0.1:1")
    assert normalise({"after": client.job(7)}, client.url) == {"after": [7]}
    assert normalise({"after": [client.job(7), 8]}, client.url) == {"after": [7, 8]}


def test_a_time_without_a_zone_is_local() -> None:
    local = datetime(2026, 11, 24, 8)  # noqa: DTZ001 - that is the case
    assert normalise({"run_at": local}, HERE) == normalise({"run_at": local.astimezone()}, HERE)


def test_none_is_not_given() -> None:
    assert normalise(dict.fromkeys(FIELDS), HERE) == {}


def test_a_secret_is_named_by_a_text() -> None:
    with pytest.raises(TypeError, match=r"^each of secrets must be a str, not int"):
        normalise({"secrets": ["HF_TOKEN", 1]}, HERE)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("gpus", 1.0),
        ("gpus", True),
        ("gpus", "2"),
        ("gpu_mem", 1.5),
        ("min_cc", [8, 0]),
        ("labels", {"rack": 1}),
        ("labels", 3),
        ("env_vars", {"SEED": 1}),
        ("secrets", 3),
        ("secrets", {"A": 1}),
        ("name", 7),
        ("timeout", None.__class__),
        ("timeout", True),
        ("run_at", timedelta(1)),
        ("after", "53"),
        ("after", [1.5]),
        ("workdir", b"/data"),
    ],
)
def test_a_wrong_type_names_the_field(field: str, given: Any) -> None:
    with pytest.raises(TypeError, match=f"^{field} must be"):
        normalise({field: given}, HERE)


@pytest.mark.parametrize("endless", [float("inf"), float("nan")])
def test_no_time_is_endless(endless: float) -> None:
    with pytest.raises(ValueError, match="timeout must be finite"):
        normalise({"timeout": endless}, HERE)


def test_options_refuse_what_is_no_field() -> None:
    with pytest.raises(TypeError, match=r"'gpu' is no request field.*did you mean 'gpus'"):
        mlq.Client("http://127.0.0.1:1").options(gpu=1)  # type: ignore[call-arg]
