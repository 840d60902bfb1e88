"""Functions of somebody's program that take messages, in a daemon thread of it.

The program does not end while it listens, as little as the predecessor's did: its workers
come to the end of their ``main`` at once. An interrupt then puts the job that runs back.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Callable

from . import _capture, _context
from ._consume import POLL, Consumer, GivenBack, Place
from ._errors import MlqError
from ._fork import renew_in_child
from ._interrupt import Interrupt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ._context import Context
    from ._line import Line
    from ._reports import Reports
    from ._work import Function

_AT_EXIT = 2 * POLL  # seconds for a job that was told to stop, and for the last take
_LOOK = 1.0  # seconds

_log = logging.getLogger("mlq")


class Listener:
    """Takes messages for ``functions`` while it is on."""

    def __init__(
        self, functions: Callable[[], Mapping[str, Function]], limit: Callable[[], float]
    ) -> None:
        self._functions, self._limit = functions, limit
        self._after_fork()
        renew_in_child(self)

    def _after_fork(self) -> None:
        """It does not listen, also where one of its functions has forked."""
        self._thread: threading.Thread | None = None
        self._consumer: Consumer | None = None
        self._over = threading.Event()  # of the thread; joins that are interrupted tell lies

    @property
    def is_on(self) -> bool:
        """Whether it takes jobs. A process that was forked does not, though its parent does."""
        thread, consumer = self._thread, self._consumer
        return bool(thread and consumer and thread.is_alive() and not consumer.closing)

    def start(self, line: Line) -> None:
        """Begin to listen. Has no effect while it does."""
        if self.is_on:
            return
        place = Place(Interrupt, _around, _report_stuck)
        self._consumer = Consumer(line, self._functions, place, self._limit)
        before, self._over = self._over if self._thread else None, threading.Event()
        work = (self._consumer, before, self._over)
        self._thread = threading.Thread(target=_run, args=work, name="mlq-listener", daemon=True)
        _Exit.of_the_program().watch(self)
        self._thread.start()

    def shutdown(self) -> None:
        """Stop listening, once the job that runs has come to its end. Does not wait for it."""
        if self._consumer is not None:
            self._consumer.close(at_once=False)

    def outlive(self) -> None:
        """At the end of the program: wait while it listens. An interrupt ends that."""
        thread, consumer = self._thread, self._consumer
        if thread is None or consumer is None or not thread.is_alive():
            return
        with contextlib.suppress(KeyboardInterrupt):
            if not _is_interactive() and not _was_interrupted():
                _log.info("listening; Ctrl-C ends it")
                while not self._over.wait(_LOOK):  # a signal just before a wait does not end it
                    pass
                return
        with contextlib.suppress(KeyboardInterrupt):
            consumer.close()
            self._over.wait(_AT_EXIT)


def _run(consumer: Consumer, before: threading.Event | None, over: threading.Event) -> None:
    try:
        if before is not None:
            before.wait()  # one job at a time, also where one that was shut down still has one
        consumer.run()
    except (MlqError, GivenBack) as err:
        _log.error("no more messages are taken: %s", err)
    finally:
        over.set()


@contextlib.contextmanager
def _around(context: Context, reports: Reports) -> Iterator[None]:
    """What this thread prints is the job's, and seen here as before."""
    mine = threading.get_ident()

    def take(text: str) -> bool:
        if threading.get_ident() == mine:
            reports.write(text)
        return True

    with _capture.captured(take, pass_on=True), _context.within(context):
        yield


def _report_stuck(why: str) -> None:
    _log.error("%s; no other job is taken before it has come back", why)


def _is_interactive() -> bool:
    """A person at a prompt, or a notebook, ends the program and expects it to end."""
    return hasattr(sys, "ps1") or bool(sys.flags.interactive) or "ipykernel" in sys.modules


def _was_interrupted() -> bool:
    """Ctrl-C has ended the program already, and need not be pressed once more."""
    return getattr(sys, "last_type", None) is KeyboardInterrupt


class _Exit:
    """Holds the end of the program while it listens, before the pools of threads are closed."""

    _only: _Exit | None = None

    def __init__(self) -> None:
        import concurrent.futures.thread  # noqa: F401  # closes its pools, after us: last in, first out

        self._listeners: weakref.WeakSet[Listener] = weakref.WeakSet()
        threading._register_atexit(self._hold)  # type: ignore[attr-defined]

    @classmethod
    def of_the_program(cls) -> _Exit:
        if cls._only is None:
            cls._only = cls()
        return cls._only

    def watch(self, listener: Listener) -> None:
        self._listeners.add(listener)

    def _hold(self) -> None:
        for listener in list(self._listeners):
            listener.outlive()
