"""The request fields: keywords of a submit that belong to MLQ.

Each has one entry in ``FIELDS``, which turns what Python users write
(``timedelta``, ``datetime``, a ``Job``) into what the server reads. Whether a
value makes sense is the server's to say, in one place for all its users; here
only what has no form in JSON is refused.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Literal, TypedDict, Union

    from ._job import Job

    Duration = Union[str, float, timedelta]  # "2h", seconds, a timedelta
    JobLike = Union[int, "Job[Any]"]

    class Request(TypedDict, total=False):
        """The request fields as keywords, for type checkers. None is as if not given."""

        gpus: int | None
        gpu_mem: str | int | None
        gpu_type: str | None
        min_cc: str | float | tuple[int, int] | None
        host: str | None
        labels: dict[str, str] | None
        python: str | os.PathLike[str] | None
        workdir: str | os.PathLike[str] | None
        env_vars: dict[str, str] | None
        secrets: str | Iterable[str] | dict[str, str] | None
        name: str | None
        priority: int | None
        timeout: Duration | None
        queue_timeout: Duration | None
        retries: int | None
        grace: Duration | None
        run_at: datetime | str | float | None
        after: JobLike | Iterable[JobLike] | None
        on_partition: Literal["kill", "keep"] | None
        result_ttl: Duration | None
        key: str | None
        modules: bool | str | list[str] | None


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"{name} must be a str, not {_kind(value)}")


def _whole(name: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError(f"{name} must be an int, not {_kind(value)}")


def _memory(name: str, value: object) -> str | int:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError(f'{name} must be bytes as an int, or a str like "40GB", not {_kind(value)}')


def _capability(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, tuple) and len(value) == 2:  # as torch.cuda.get_device_capability()
        return f"{value[0]}.{value[1]}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f'{name} must be like "8.0" or (8, 0), not {_kind(value)}')


def _duration(name: str, value: object) -> str | float:
    if isinstance(value, str):
        return value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _finite(name, value)
    raise TypeError(f'{name} must be seconds, a str like "2h", or a timedelta, not {_kind(value)}')


def _finite(name: str, value: float) -> float:
    if value - value == 0:  # neither infinite nor NaN
        return value
    raise ValueError(f"{name} must be finite; leave it out for no limit")


def _time(name: str, value: object) -> str | float:
    """A datetime without a zone is local time, as everywhere in Python."""
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _finite(name, value)
    raise TypeError(
        f"{name} must be a datetime, an RFC 3339 str or Unix seconds, not {_kind(value)}"
    )


def _texts(name: str, value: object) -> dict[str, str]:
    try:
        pairs: dict[Any, Any] = dict(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a dict of str to str, not {_kind(value)}") from None
    for key, text in pairs.items():
        if not (isinstance(key, str) and isinstance(text, str)):
            raise TypeError(f"{name} must be a dict of str to str; {key!r} is not one")
    return pairs


def _secrets(name: str, value: object) -> list[str] | dict[str, str]:
    """Names, or variables and names; never values."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_text(f"each of {name}", text) for text in value]
    return _texts(name, value)


def _jobs(name: str, value: object) -> list[int]:
    from ._job import Job

    if isinstance(value, (int, Job)) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise TypeError(f"{name} must be a Job, an id, or a list of them, not {_kind(value)}")
    return [job.id if isinstance(job, Job) else _whole(name, job) for job in value]


def _path(name: str, value: object) -> str:
    if isinstance(value, (str, os.PathLike)):
        path = os.fspath(value)
        if isinstance(path, str):
            return path
    raise TypeError(f"{name} must be a str or a path, not {_kind(value)}")


def _modules(name: str, value: object) -> bool | list[str]:
    """Which local modules are sent: the client's own affair, no field of the server."""
    if isinstance(value, (bool, list)):
        return value if isinstance(value, bool) else [_text(f"each of {name}", v) for v in value]
    if isinstance(value, str):
        return [value]
    raise TypeError(f"{name} must be a bool or a list of names, not {_kind(value)}")


def _kind(value: object) -> str:
    return type(value).__name__


FIELDS: dict[str, Callable[[str, object], Any]] = {
    "gpus": _whole,
    "gpu_mem": _memory,
    "gpu_type": _text,
    "min_cc": _capability,
    "host": _text,
    "labels": _texts,
    "python": _path,
    "workdir": _path,
    "env_vars": _texts,
    "secrets": _secrets,
    "name": _text,
    "priority": _whole,
    "timeout": _duration,
    "queue_timeout": _duration,
    "retries": _whole,
    "grace": _duration,
    "run_at": _time,
    "after": _jobs,
    "on_partition": _text,
    "result_ttl": _duration,
    "key": _text,
    "modules": _modules,
}


def normalise(fields: Mapping[str, object], server: str) -> dict[str, Any]:
    """Request fields as JSON takes them. ``None`` means not given. ``server`` is who gets them.

    Raises TypeError or ValueError naming the field.
    """
    _refuse_foreign(fields.get("after"), server)
    return {name: FIELDS[name](name, value) for name, value in fields.items() if value is not None}


def _refuse_foreign(after: object, server: str) -> None:
    """A job of another server is another job here, or none."""
    from ._job import Job

    for job in after if isinstance(after, (list, tuple, set, frozenset)) else [after]:
        if isinstance(job, Job) and job.server != server:
            raise ValueError(
                f"after: job {job.id} is of {job.server}, and this goes to {server}. "
                f"If that is the same server under another name, after={job.id} says it"
            )


def unknown(names: Iterable[str]) -> list[str]:
    """Those names that are no request fields."""
    return [name for name in names if name not in FIELDS]
