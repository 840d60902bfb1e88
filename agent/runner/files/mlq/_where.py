"""Where a job runs, in words: "lab-1 GPU 2 (H100)"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._answers import reading
from ._errors import MlqError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._http import Transport

_KINDS = {"gpu": "GPU", "mig": "slice", "cpu": "CPU slot", "sim": "simulated GPU"}
_REPORTED = "the driver reported "


@reading("device")
def where_in_words(host: str, uuids: Iterable[str], devices: Iterable[Mapping[str, Any]]) -> str:
    """The host and its devices by number and model; the host alone where they are not listed."""
    wanted = set(uuids)
    mine = [d for d in devices if d.get("uuid") in wanted and d.get("host") == host]
    if not mine or len(mine) != len(wanted):
        return host
    mine.sort(key=lambda device: int(device.get("index") or 0))
    kind = _KINDS.get(str(mine[0].get("kind")), "device")
    numbers = ", ".join(str(device.get("index") or 0) for device in mine)
    text = f"{host} {kind}{'s' if len(mine) > 1 else ''} {numbers}"
    model = _model(str(mine[0].get("model") or ""), kind)
    return f"{text} ({model})" if model else text


@reading("job")
def attempt_in_words(transport: Transport, job: int, details: Mapping[str, Any]) -> str:
    """The job and where it ran last; below it, what the driver said of its devices meanwhile."""
    last: Mapping[str, Any] = (details.get("attempts") or [{}])[-1]
    words = f"job {job}"
    if host := str(last.get("host") or ""):
        words += f" on {_of_attempt(transport, host, last.get('devices') or [])}"
    words += f", attempt {last.get('n', 1)}:"
    # The agent puts it behind how the attempt ended, which the exception says better.
    _, found, said = str(last.get("cause") or "").partition(f"; {_REPORTED}")
    return f"{words}\n{_REPORTED}{said}" if found else words


def _of_attempt(transport: Transport, host: str, uuids: Iterable[str]) -> str:
    try:
        return where_in_words(host, uuids, transport.request("GET", "/gpus").object()["gpus"])
    except MlqError:  # another error is under way
        return host


def _model(model: str, kind: str) -> str:
    """Without the maker's name, which is the same for all; "" where it repeats the kind."""
    short = model[7:] if model.startswith("NVIDIA ") else model
    short = short.replace(" (simulated)", "") if kind.startswith("simulated") else short
    return "" if short == kind else short
