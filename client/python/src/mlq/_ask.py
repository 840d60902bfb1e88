"""What jobs there are and what is free: asked for the package, ``%mlq`` and ``python -m mlq``."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from ._answers import reading
from ._errors import MlqError
from ._follow import unix
from ._job import Job
from ._jobs import JobList
from ._listing import devices_table, jobs_table
from ._status import FINAL
from ._where import where_in_words
from ._words import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._client import Client
    from ._table import Table

STATES = ("scheduled", "queued", "leased", "running", "succeeded", "failed", "cancelled")
OPEN = tuple(state for state in STATES if state not in FINAL)
_PAGE = 200  # jobs that the server gives at once


class Device(NamedTuple):
    """A device of a host, as it was when ``mlq.status()`` asked.

    ``number`` is its number on the host; ``state`` is ``free``, ``leased``, ``clearing``,
    ``foreign`` or another word of the server's; ``user`` and ``job`` are who has it (the job: of
    one's own), ``until`` is when at the latest that ends, None without a limit. ``memory`` and
    ``used`` are bytes, ``busy`` is percent; the last two are None where they cannot be read.
    """

    host: str
    number: int
    state: str
    user: str
    job: int | None
    until: datetime | None
    model: str
    memory: int
    used: int | None
    busy: int | None


class Overview:
    """What ``mlq.status()`` returns: a server as it was then. Showing it asks nothing.

    ``devices`` are all ``Device``s, ``jobs`` one's own that have not ended, an admin's everybody's,
    ``waiting`` is how many jobs of everybody wait, ``user`` is who asked and ``server`` the URL.
    """

    def __init__(
        self,
        server: str,
        user: str,
        devices: list[Device],
        jobs: JobList[Any],
        waiting: int,
        *,
        everybody: bool = False,
    ) -> None:
        self.server = server
        self.user = user
        self.devices = devices
        self.jobs = jobs
        self.waiting = waiting
        self._none = "no jobs wait or run" if everybody else f"no jobs of {user} wait or run"

    def __repr__(self) -> str:
        """The tables as text."""
        devices = devices_table(self.devices, self._summary())
        return f"{devices.text()}\n\n{self._jobs().text()}"

    def _repr_html_(self) -> str:
        return devices_table(self.devices, self._summary()).html() + self._jobs().html()

    def _jobs(self) -> Table:
        return jobs_table(self.jobs)._replace(empty=self._none)

    def _summary(self) -> str:
        free = sum(device.state == "free" for device in self.devices)
        wait = f"{plural(self.waiting, 'job')} {'waits' if self.waiting == 1 else 'wait'}"
        return f"{free} of {plural(len(self.devices), 'device')} free, {wait}; {self.server}"


Device.__module__ = "mlq"
Overview.__module__ = "mlq"


def jobs(
    client: Client,
    state: str | Iterable[str] | None = None,
    limit: int = 50,
    *,
    name: str = "",
    user: str = "",
) -> JobList[Any]:
    """The newest jobs, with what the server tells of each. Raises ValueError for a bad argument."""
    states = _states(state)
    if type(limit) is not int or limit < 1:
        raise ValueError(f"limit must be a whole number from 1, not {limit!r}")
    query = {"state": ",".join(states), "name": name, "user": user}
    rows = _pages(client, {key: text for key, text in query.items() if text}, limit)
    return _known(client, rows, _gpus(client) if any(r.get("attempts") for r in rows) else [])


def _states(given: str | Iterable[str] | None) -> list[str]:
    names = given.split(",") if isinstance(given, str) else list(given or ())
    for name in names:
        if name not in STATES:
            raise ValueError(f"there is no state {name!r}: {', '.join(STATES)}")
    return names


def _pages(client: Client, query: dict[str, str], limit: int) -> list[dict[str, Any]]:
    """Follow the pages of a list up to a limit."""
    rows: list[dict[str, Any]] = []
    while True:
        asked = {**query, "limit": str(min(limit - len(rows), _PAGE))}
        page = client._transport.request("GET", "/jobs", query=asked).object()
        with reading("list of jobs"):
            rows += map(dict, page["jobs"])
            following, before = int(page.get("next") or 0), int(query.get("before", sys.maxsize))
        if not following or len(rows) >= limit:
            return rows
        if not 0 < following < before:
            raise MlqError("the pages of the server's list of jobs lead nowhere")
        query["before"] = str(following)


@reading("list of jobs")
def _known(client: Client, rows: list[dict[str, Any]], gpus: list[dict[str, Any]]) -> JobList[Any]:
    at = time.time()
    found: JobList[Any] = JobList()
    for row in rows:
        job: Job[Any] = Job(client, int(row["id"]))
        job._remember({**row, "asked_at": at, "where": _where(row, gpus)})
        found.append(job)
    return found


def _where(row: Mapping[str, Any], gpus: list[dict[str, Any]]) -> str:
    """The host and devices of the last attempt, once it has begun."""
    attempts = row.get("attempts") or []
    if row.get("state") in ("scheduled", "queued") or not attempts:
        return ""
    return where_in_words(str(attempts[-1]["host"]), attempts[-1].get("devices") or [], gpus)


def overview(client: Client) -> Overview:
    """Ask for the devices, who waits, and the open jobs: one's own, an admin's everybody's."""
    ask = client._transport.request
    who = ask("GET", "/whoami").object()
    user, admin = str(who["user"]), who.get("role") == "admin"
    gpus, queue = _gpus(client), ask("GET", "/queue").object()
    whose = {} if admin else {"user": user}
    rows = _pages(client, {"state": ",".join(OPEN), **whose}, _PAGE)
    with reading("queue"):
        places = {waiting.get("job"): waiting["place"] for waiting in queue["queue"]}
        rows = [{**row, "position": places.get(row["id"])} for row in rows]
        waiting = len(queue["queue"])
    devices = [_device(g) for g in gpus]
    found = _known(client, rows, gpus)
    return Overview(client.url, user, devices, found, waiting, everybody=admin)


def _gpus(client: Client) -> list[dict[str, Any]]:
    found = client._transport.request("GET", "/gpus").object()
    with reading("list of devices"):
        return [dict(device) for device in found["gpus"]]


@reading("device")
def _device(told: dict[str, Any]) -> Device:
    until = unix(str(told.get("ends_by") or ""))
    return Device(
        host=str(told.get("host") or ""),
        number=int(told.get("index") or 0),
        state=str(told.get("state") or ""),
        user=str(told.get("user") or ""),
        job=_whole(told.get("job") or None),
        until=datetime.fromtimestamp(until, timezone.utc).astimezone() if until else None,
        model=str(told.get("model") or ""),
        memory=int(told.get("memory") or 0),
        used=_whole(told.get("used")),
        busy=_whole(told.get("utilization")),
    )


def _whole(told: Any) -> int | None:
    return None if told is None else int(told)
