"""Where a job runs, in words: "lab-1 GPU 2 (H100)"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_KINDS = {"gpu": "GPU", "mig": "slice", "cpu": "CPU slot", "sim": "simulated GPU"}


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


def _model(model: str, kind: str) -> str:
    """Without the maker's name, which is the same for all; "" where it repeats the kind."""
    short = model[7:] if model.startswith("NVIDIA ") else model
    short = short.replace(" (simulated)", "") if kind.startswith("simulated") else short
    return "" if short == kind else short
