"""The functions of the package: those of a ``Client`` that is made when it is first needed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from ._client import Client
from ._submitter import Submitter

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from datetime import datetime
    from typing import Literal

    from typing_extensions import Unpack

    from ._ask import Overview
    from ._check import Check
    from ._job import Job
    from ._jobs import JobList
    from ._request import Duration, JobLike, Request

R = TypeVar("R")

_lock = threading.Lock()
_client: Client | None = None
_others: dict[str, Client] = {}  # of jobs that came from elsewhere, by their server


def default_client() -> Client:
    """The client of the last ``connect``, or of environment and configuration file."""
    global _client  # noqa: PLW0603 - one per process, made late
    with _lock:
        if _client is None:
            _client = Client()
        return _client


def connect(
    url: str | None = None,
    token: str | None = None,
    *,
    token_file: str | os.PathLike[str] | None = None,
    tls_fingerprint: str | None = None,
    allow_insecure: bool = False,
    max_result: int | None = None,
) -> Client:
    """Make a ``Client``, and have the functions of the package be those of it from now on.

    Parameters and errors are those of ``Client``. Asks the server nothing yet. Jobs that
    there are already stay with their server.
    """
    global _client  # noqa: PLW0603 - one per process
    made = Client(
        url,
        token,
        token_file=token_file,
        tls_fingerprint=tls_fingerprint,
        allow_insecure=allow_insecure,
        max_result=max_result,
    )
    with _lock:
        if _client is not None:
            _others[_client.url] = _client
        _others.pop(made.url, None)
        _client = made
    return made


def client_for(server: str) -> Client:
    """The default client where it is of that server, else one that is kept for it.

    A token is used for the server that it was given for, and for no other.
    """
    default = default_client()
    if default.url == server:
        return default
    with _lock:
        if server not in _others:
            _others[server] = Client(server)
        return _others[server]


def submit(fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Job[R]:
    """Queue ``fn(*args, **kwargs)`` and return its job at once.

    Keywords named like a request field (see ``options``) belong to MLQ, all
    others to ``fn``. A wrong call is a TypeError here, before anything is sent; so
    is NotSerializable, and TooLarge for what captures more than 16 MiB. A job that no
    host can ever run is refused with Unsatisfiable, and Unavailable says that there was
    no answer for 5 seconds. All but the first are MlqErrors.

    If exactly one positional argument and no keyword of ``fn`` is given, and
    the second parameter of ``fn`` has no default, the job's ``context()`` is
    passed as its second argument.
    """
    return default_client().submit(fn, *args, **kwargs)


def run(fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> R:
    """``submit(…).result()`` in one. An interrupt cancels the job.

    Raises what ``submit`` does, and then what ``Job.result`` does.
    """
    return default_client().run(fn, *args, **kwargs)


def map(fn: Callable[..., R], /, *iterables: Iterable[Any], **kwargs: Any) -> JobList[R]:  # noqa: A001
    """Queue ``fn`` once for each element of an iterable, in one request.

    With several iterables, once for each tuple of their elements, as the
    builtin. Keywords and errors as in ``submit``; those of ``fn`` are the same for all.
    ``key`` is a TypeError.
    """
    return default_client().map(fn, *iterables, **kwargs)


def job(job_id: int | str) -> Job[Any]:
    """A job by its id: from another kernel, another machine, or the command line.

    Asks nothing yet: that there is no such job is an MlqError of its first method. What is
    no whole number from 1 is a ValueError.
    """
    return default_client().job(job_id)


def check(fn: Callable[..., Any], /, **request: Unpack[Request]) -> Check:
    """Compare the modules that ``fn`` imports with those of the hosts' environments.

    Nothing is queued. Of the request fields, ``host``, ``labels``, ``python`` and
    ``modules`` matter.
    Raises what a submit of ``fn`` would, and MlqError where the server does not answer.
    """
    return default_client().check(fn, **request)


def jobs(state: str | Iterable[str] | None = None, limit: int = 50) -> JobList[Any]:
    """One's newest jobs (an admin's: everybody's), as a table in a notebook and by ``print``.

    ``state`` is one of the server's words, or several: ``"running"``, ``["queued", "running"]``.
    Raises ValueError for another word, and for a ``limit`` below 1.
    """
    return default_client().jobs(state, limit)


def status() -> Overview:
    """Which devices are free, who has the others until when, and one's own open jobs;
    an admin's are everybody's.

    Raises MlqError where the server does not answer.
    """
    return default_client().status()


def set_secret(name: str, value: str | None = None) -> None:
    """Keep a secret, as a token of another service, for jobs with ``secrets=[name]``.

    Without ``value`` it is asked for, and neither shown nor kept in the notebook.
    Raises MlqError where name or value cannot be one.
    """
    default_client().set_secret(name, value)


def options(
    *,
    gpus: int | None = None,
    gpu_mem: str | int | None = None,
    gpu_type: str | None = None,
    min_cc: str | float | tuple[int, int] | None = None,
    host: str | None = None,
    labels: dict[str, str] | None = None,
    python: str | os.PathLike[str] | None = None,
    workdir: str | os.PathLike[str] | None = None,
    env_vars: dict[str, str] | None = None,
    secrets: str | Iterable[str] | dict[str, str] | None = None,
    name: str | None = None,
    priority: int | None = None,
    timeout: Duration | None = None,
    queue_timeout: Duration | None = None,
    retries: int | None = None,
    grace: Duration | None = None,
    run_at: datetime | str | float | None = None,
    after: JobLike | Iterable[JobLike] | None = None,
    on_partition: Literal["kill", "keep"] | None = None,
    result_ttl: Duration | None = None,
    key: str | None = None,
    modules: bool | str | list[str] | None = None,
) -> Submitter:
    """Request fields for what is submitted through the result.

    ``mlq.options(gpus=2, timeout="2h").submit(f, name="x")`` passes ``name`` to
    ``f``, where ``mlq.submit`` would take it. A value of the wrong type is a TypeError here.

    ``gpu_mem`` is bytes of each device, or a text as ``"40GB"``. ``timeout``, ``queue_timeout``,
    ``grace`` and ``result_ttl`` are seconds, a text as ``"90s"`` or ``"2h"``, or a ``timedelta``;
    ``run_at`` is a ``datetime`` (local without a zone), an RFC 3339 text or Unix seconds.
    ``priority`` is from -10 to 0, ``min_cc`` a CUDA compute capability as ``"8.0"``. The page
    docs/python.md of the repository explains them all.
    """
    given = {name: value for name, value in locals().items() if value is not None}
    return Submitter(default_client(), given)
