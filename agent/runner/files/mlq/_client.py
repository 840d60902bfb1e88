"""A server, and what can be asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, TypeVar

from . import _binding, _config
from ._collect import Collector
from ._deadline import Deadline
from ._hands import Hands
from ._http import Transport
from ._job import Job
from ._jobs import JobList
from ._request import normalise
from ._secret import keep_secret
from ._send import Sender
from ._submitter import Submitter, refuse_unknown
from ._tidy import public_class
from ._watch import Watcher

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from typing_extensions import Unpack

    from ._ask import Overview
    from ._check import Check
    from ._request import Request

R = TypeVar("R")


class Client:
    """A connection to one MLQ server. Safe to use from several threads.

    ``url`` and ``token`` default to ``MLQ_URL`` and ``MLQ_TOKEN``, then to the
    file ``~/.config/mlq/config.toml``, then to ``http://127.0.0.1:5001`` without a
    token. A token goes over plain ``http://`` to this machine only, unless
    ``allow_insecure``. ``tls_fingerprint`` is the SHA-256 of a certificate that
    signs itself. ``max_result`` is the largest result, in bytes, that is taken; by default what
    this machine has memory left for.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        token_file: str | os.PathLike[str] | None = None,
        tls_fingerprint: str | None = None,
        allow_insecure: bool = False,
        max_result: int | None = None,
    ) -> None:
        settings = _config.load(url, token, token_file, tls_fingerprint)
        self.max_result = max_result
        self._transport = Transport(settings, allow_insecure=allow_insecure)
        self._watcher = Watcher(self._transport)
        self._collector = Collector(self._watcher)
        self._callbacks = Hands("mlq-callbacks", 1)

    @property
    def url(self) -> str:
        """The server's URL."""
        return self._transport.settings.url

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Job[R]:
        """Queue ``fn(*args, **kwargs)`` and return at once.

        Keywords named like a request field belong to MLQ, all others to ``fn``.
        """
        return self._split(fn, args, kwargs, owned=False)

    def run(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> R:
        """``submit`` and ``result`` in one; an interrupt cancels the job."""
        return _run(self._split(fn, args, kwargs, owned=True))

    def map(self, fn: Callable[..., R], /, *iterables: Iterable[Any], **kwargs: Any) -> JobList[R]:
        """Queue ``fn`` once for each element, or for each tuple of several iterables.

        One request for all. Keywords as in ``submit``; those of ``fn`` are the
        same for all calls.
        """
        _binding.check_function(fn)
        request, keywords = _binding.split(fn, kwargs)
        return self._map(fn, iterables, keywords, normalise(request, self.url))

    def options(self, **request: Unpack[Request]) -> Submitter:
        """Request fields for what is submitted through the result; see ``mlq.options``."""
        return Submitter(self, dict(request))

    def job(self, job_id: int | str) -> Job[Any]:
        """A job by its id, also one that another program submitted. Asks nothing yet."""
        digits = isinstance(job_id, str) and job_id.strip().isdecimal()
        whole = hasattr(job_id, "__index__") and not isinstance(job_id, bool)  # numpy's too
        number = int(job_id) if digits or whole else 0
        if number < 1:
            raise ValueError(f"a job's id is a whole number from 1, not {job_id!r}")
        return Job(self, number)

    def jobs(self, state: str | Iterable[str] | None = None, limit: int = 50) -> JobList[Any]:
        """The newest jobs, at most ``limit``, of this ``state`` or these; see ``mlq.jobs``."""
        from . import _ask

        return _ask.jobs(self, state, limit)

    def status(self) -> Overview:
        """The devices and the open jobs, one's own or an admin's everybody's, as they are now."""
        from . import _ask

        return _ask.overview(self)

    def set_secret(self, name: str, value: str | None = None) -> None:
        """Keep a secret for jobs with ``secrets=[name]``, in place of one of that name.

        Without ``value`` it is asked for, and neither shown nor kept in the notebook.
        Raises MlqError where name or value cannot be one.
        """
        keep_secret(self._transport, name, value)

    def check(self, fn: Callable[..., Any], /, **request: Unpack[Request]) -> Check:
        """Compare what ``fn`` imports with what the hosts have; see ``mlq.check``."""
        from ._check import check

        _binding.check_function(fn)
        refuse_unknown(request)
        return check(self._transport, fn, normalise(request, self.url))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<mlq.Client {self.url}>"

    def _split(
        self, fn: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any], *, owned: bool
    ) -> Job[R]:
        _binding.check_function(fn)
        request, keywords = _binding.split(fn, kwargs)
        return self._submit(fn, args, keywords, normalise(request, self.url), owned=owned)

    def _submit(
        self,
        fn: Callable[..., R],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        request: dict[str, Any],
        *,
        owned: bool = False,
    ) -> Job[R]:
        """Queue a call. An interrupt meanwhile cancels the job of one that is ``owned``."""
        _binding.check(fn, args, kwargs)
        sender = Sender(self._transport, fn, request, owned=owned)
        return Job(self, sender.one(args, kwargs), name=sender.name)

    def _map(
        self,
        fn: Callable[..., R],
        iterables: tuple[Iterable[Any], ...],
        kwargs: dict[str, Any],
        request: dict[str, Any],
    ) -> JobList[R]:
        if "key" in request:
            raise TypeError("key names one job, so that map does not take it")
        calls = _binding.calls_of(iterables)
        if calls:
            _binding.check(fn, calls[0], kwargs)
        sender = Sender(self._transport, fn, request, many=True)
        return JobList(Job(self, i, name=sender.name) for i in sender.many(calls, kwargs))


Client.__module__ = "mlq"
public_class(Client)


def _run(job: Job[R]) -> R:
    return job._value(Deadline(None), None, owned=True)
