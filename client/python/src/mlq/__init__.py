"""Run Python functions on shared GPUs, one job at a time per GPU.

>>> import mlq
>>> job = mlq.submit(train, {"lr": 1e-3}, gpus=1)  # doctest: +SKIP
>>> job.result()  # doctest: +SKIP

Everything is imported when it is first used: ``import mlq`` costs next to
nothing, and inside a job this package needs no more than the job uses of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from ._ask import Device, Overview
    from ._cancel import Cancelled
    from ._check import Check, Checked
    from ._client import Client
    from ._context import Context, context, progress
    from ._default import (
        check,
        connect,
        job,
        jobs,
        map,  # noqa: A004
        options,
        run,
        set_secret,
        status,
        submit,
    )
    from ._errors import (
        JobCancelled,
        JobError,
        JobLost,
        JobOutOfMemory,
        JobTimeout,
        MlqError,
        NotSerializable,
        QuotaExceeded,
        RemoteError,
        TooLarge,
        Unauthorized,
        Unavailable,
        Unsatisfiable,
        VersionMismatch,
    )
    from ._executor import Executor, JobFuture
    from ._files import File
    from ._job import Job, Why, WhyReason
    from ._jobs import JobList, Waited, as_completed, wait
    from ._magics import load_ipython_extension
    from ._submitter import Submitter

_ERRORS = (
    "JobCancelled",
    "JobError",
    "JobLost",
    "JobOutOfMemory",
    "JobTimeout",
    "MlqError",
    "NotSerializable",
    "QuotaExceeded",
    "RemoteError",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "Unsatisfiable",
    "VersionMismatch",
)
_HOME = {
    "Cancelled": "_cancel",
    "Check": "_check",
    "Checked": "_check",
    "Client": "_client",
    "Context": "_context",
    "Device": "_ask",
    "Executor": "_executor",
    "File": "_files",
    "Job": "_job",
    "JobFuture": "_executor",
    "JobList": "_jobs",
    "Overview": "_ask",
    "Submitter": "_submitter",
    "Waited": "_jobs",
    "Why": "_job",
    "WhyReason": "_job",
    "as_completed": "_jobs",
    "check": "_default",
    "connect": "_default",
    "context": "_context",
    "job": "_default",
    "jobs": "_default",
    "load_ipython_extension": "_magics",
    "map": "_default",
    "options": "_default",
    "progress": "_context",
    "run": "_default",
    "set_secret": "_default",
    "status": "_default",
    "submit": "_default",
    "wait": "_jobs",
    **dict.fromkeys(_ERRORS, "_errors"),
}

__all__ = [
    "Cancelled",
    "Check",
    "Checked",
    "Client",
    "Context",
    "Device",
    "Executor",
    "File",
    "Job",
    "JobCancelled",
    "JobError",
    "JobFuture",
    "JobList",
    "JobLost",
    "JobOutOfMemory",
    "JobTimeout",
    "MlqError",
    "NotSerializable",
    "Overview",
    "QuotaExceeded",
    "RemoteError",
    "Submitter",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "Unsatisfiable",
    "VersionMismatch",
    "Waited",
    "Why",
    "WhyReason",
    "__version__",
    "as_completed",
    "check",
    "connect",
    "context",
    "job",
    "jobs",
    "load_ipython_extension",
    "map",
    "options",
    "progress",
    "run",
    "set_secret",
    "status",
    "submit",
    "wait",
]


if not TYPE_CHECKING:  # which would take every name for one that is there

    def __getattr__(name: str) -> object:
        """Import a public name from its module, once."""
        if name not in _HOME:
            raise AttributeError(f"module 'mlq' has no attribute {name!r}")
        from importlib import import_module
        from types import FunctionType

        value: object = getattr(import_module(f"mlq.{_HOME[name]}"), name)
        if isinstance(value, FunctionType):
            value = import_module("mlq._tidy").public(value)
            value.__module__ = "mlq"  # pickled as what it is called here
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
