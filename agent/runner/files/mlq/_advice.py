"""What can be done about a job that died: one sentence for each way."""

from __future__ import annotations

from typing import NamedTuple


class _Way(NamedTuple):
    reason: str
    word: str  # that stands in what the server says; "" for all that is left
    advice: str


_FAULT = "To see where: import faulthandler; faulthandler.enable() first thing in the function"
_QUEUED = "Nothing of it ran. job.retry() queues it again; queue_timeout= says how long it may wait"
_MEMORY = "Let it hold less at a time, or run where there is more: host=…, labels=…"
_AGAIN = "job.retry() runs it again; with retries=1 it would have run again by itself"
_LESS = "Return less, or write it into out/ in parts: job.download() gets them"
_DEVICE = "mlq.status() says how the device is now; job.retry() runs the job again"
_WAYS = (
    _Way("killed", "the driver reported", _DEVICE),
    _Way("killed", "SIGSEGV", _FAULT),
    _Way("killed", "SIGBUS", _FAULT),
    _Way("killed", "SIGABRT", _FAULT),
    _Way("killed", "SIGFPE", _FAULT),
    _Way("killed", "SIGILL", "A package there was built for another processor"),
    _Way("killed", "ran out of memory", _MEMORY),
    _Way("killed", "", _AGAIN),
    _Way("oom", "", _MEMORY),
    _Way("error", "ended itself", "Return from the function instead of calling os._exit()"),
    _Way("timeout", "", 'timeout="2h" with the submit gives it longer; what lies in out/ is kept'),
    _Way("expired", "", _QUEUED),
    _Way(
        "lost",
        "",
        "It was not the job's doing, and it ran again each time. job.retry() queues it once more",
    ),
    _Way("dependency", "", "It never ran; that job's result() says why"),
    _Way("unplaceable", "", "It never ran. The log of that host's agent has more"),
    _Way("rejected", "bytes, and", _LESS),  # are allowed
    _Way("rejected", "--max-blob", _LESS),
)


def advice(reason: str, words: str) -> str:
    """A sentence for who submitted it, or nothing where there is none."""
    for way in _WAYS:
        if way.reason == reason and way.word in words:
            return f"{way.advice}."
    return ""


def is_too_large(reason: str, words: str) -> bool:
    """Whether it was its result that was too large, and nothing else."""
    return any(way.advice == _LESS and way.reason == reason and way.word in words for way in _WAYS)
