"""What the server tells of jobs and devices as rows of tables: the words of the `mlq` binary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._follow import unix
from ._table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ._ask import Device
    from ._job import Job

_JOBS = ("ID", "STATE", "NAME", "USER", "WHERE", "AGE", "NOTE")
_DEVICES = ("HOST", "#", "STATE", "USER", "UNTIL", "JOB", "MODEL", "MEMORY", "BUSY")
_NAME, _NOTE = 32, 60  # characters
_MOST = 1000  # jobs of which somebody reads a row


def jobs_table(jobs: Sequence[Job[Any]]) -> Table:
    """What is known of these jobs; of a new one that is its id and its name."""
    rows = [_job_row(job) for job in jobs[:_MOST]]
    more = len(jobs) - _MOST
    return Table(_JOBS, rows, "no jobs", f"… {more:,} more" if more > 0 else "")


def _job_row(job: Job[Any]) -> tuple[str, ...]:
    known = job._known
    return (
        str(job.id),
        _state(job._last_state or "submitted", known),
        cut(job._name, _NAME),
        str(known.get("user") or ""),
        str(known.get("where") or ""),
        _age(known),
        cut(_note(known), _NOTE),
    )


def _state(state: str, known: Mapping[str, Any]) -> str:
    if state != "queued" or not known.get("position"):
        return state
    return f"queued, place {'> ' * bool(known.get('position_over'))}{known['position']}"


def _age(known: Mapping[str, Any]) -> str:
    submitted = unix(str(known.get("submitted") or ""))
    return short(float(known["asked_at"]) - submitted) if submitted and "asked_at" in known else ""


def _note(known: Mapping[str, Any]) -> str:
    """What is worth a word: why it failed, who stops it, what it returned."""
    if known.get("detail"):
        return str(known["detail"])
    if known.get("cancel_requested") and known.get("state") in ("leased", "running"):
        return f"told to stop by {known.get('cancel_by')}"
    return str(known.get("short_result") or "")


def devices_table(devices: Iterable[Device], foot: str) -> Table:
    """The devices with who has them until when."""
    rows = [_device_row(device) for device in devices]
    return Table(_DEVICES, rows, "no devices: no agent has joined", foot)


def _device_row(d: Device) -> tuple[str, ...]:
    until = ""
    if d.user:
        until = f"{d.until:%Y-%m-%d %H:%M}" if d.until else "no limit"
    used = f"{size(d.used)} of " if d.used else ""
    return (
        d.host,
        str(d.number),
        d.state,
        cut(d.user, 16),
        until,
        str(d.job or ""),
        d.model.removeprefix("NVIDIA "),
        used + size(d.memory) if d.memory else "",
        f"{d.busy} %" if d.busy is not None else "",
    )


def short(seconds: float) -> str:
    """A duration by its leading unit or two: "3s", "4m10s", "2h5m", "3d4h"."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60}m"
    return f"{whole // 86400}d{whole % 86400 // 3600}h"


def size(count: float) -> str:
    """Bytes in the units that people use for memory."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            break
        count /= 1024
    return f"{count:.1f}".removesuffix(".0") + f" {unit}"


def cut(text: str, most: int) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"
