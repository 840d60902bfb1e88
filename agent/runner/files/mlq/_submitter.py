"""Submitting with request fields that were given before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, TypeVar

from ._binding import check_function, nearest
from ._request import FIELDS, normalise, unknown
from ._tidy import public_class

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import ParamSpec

    from ._client import Client
    from ._executor import Executor
    from ._job import Job
    from ._jobs import JobList

    P = ParamSpec("P")

R = TypeVar("R")


def refuse_unknown(request: Iterable[str]) -> None:
    """Raise TypeError for a name that is no request field."""
    for name in unknown(request):
        raise TypeError(f"{name!r} is no request field of mlq{nearest(name, list(FIELDS))}")


class Submitter:
    """What ``options`` returns: its methods pass *all* keywords to the function."""

    def __init__(self, client: Client, request: dict[str, Any]) -> None:
        refuse_unknown(request)
        self._client = client
        self._request = normalise(request, client.url)

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Job[R]:
        """Queue ``fn(*args, **kwargs)`` and return at once."""
        check_function(fn)
        return self._client._submit(fn, args, dict(kwargs), self._request)

    def run(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """``submit`` and ``result`` in one; an interrupt cancels the job."""
        from ._client import _run

        check_function(fn)
        return _run(self._client._submit(fn, args, dict(kwargs), self._request, owned=True))

    def map(self, fn: Callable[..., R], /, *iterables: Iterable[Any], **kwargs: Any) -> JobList[R]:
        """Queue ``fn`` once for each element, or for each tuple of several iterables."""
        check_function(fn)
        return self._client._map(fn, iterables, kwargs, self._request)

    def executor(self) -> Executor:
        """A ``concurrent.futures.Executor`` whose jobs have these request fields."""
        from ._executor import through

        return through(self)

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self._request.items())
        return f"mlq.options({fields})"


Submitter.__module__ = "mlq"
public_class(Submitter)
