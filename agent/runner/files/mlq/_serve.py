"""A process that keeps a function loaded, and serves messages with it: a job of its own.

Its end is one of: SIGTERM (what runs is released to others), the server wants its device
back, nothing has come for ``idle`` seconds, a job that did not end in its grace, and a job
that ran out of memory, after which nobody knows what is left of the function's state.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Callable, NoReturn, TypeVar

from . import _capture, _config, _context
from ._cancel import Cancelled, end_copy_by
from ._consume import POLL, Consumer, GivenBack, Place
from ._fork import again_after_fork, default_in_child
from ._line import Line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from ._context import Context
    from ._reports import Reports
    from ._work import Function

T = TypeVar("T")

# It interrupts calls into C as SIGTERM does, which is for the process; programs rarely use it.
_STOP_JOB = signal.SIGURG


class Hands:
    """The main thread of the process, in which all its jobs run, one after the other."""

    def __init__(self) -> None:
        self._reports: Reports | None = None
        self._interrupt: Interrupt | None = None
        self._main = threading.get_ident()
        self.place = Place(self._new_interrupt, self._around, _end_process)

    def take(self, text: str) -> bool:
        """What is printed while a job runs is that job's."""
        reports = self._reports
        return reports is not None and reports.write(text)

    @contextlib.contextmanager
    def _around(self, context: Context, reports: Reports) -> Iterator[None]:
        ours = _context.enter(context)
        self._reports = reports
        try:
            yield
        finally:
            self._reports = None
            _context.enter(ours)

    def _new_interrupt(self) -> Interrupt:
        self._interrupt = Interrupt(self._main)
        return self._interrupt

    def on_signal(self, signum: int, frame: FrameType | None) -> None:
        """The handler, in the main thread."""
        if self._interrupt is not None and not again_after_fork(signum, frame):
            self._interrupt.heed()


class Interrupt:
    """Raises Cancelled in the function that the main thread runs, by a signal to it."""

    def __init__(self, thread: int) -> None:
        self._thread = thread
        self._wanted = self._armed = self._raised = False

    def run(self, function: Callable[[], T]) -> T:
        """Call the function; Cancelled comes out of it where it was wanted."""
        self._armed = True
        try:
            self.heed()
            return function()
        finally:
            self._armed = False

    def __call__(self) -> None:
        """Have it raised."""
        self._wanted = True
        signal.pthread_kill(self._thread, _STOP_JOB)

    def heed(self) -> None:
        """Raise it, once, where it is wanted and a function runs."""
        if self._wanted and self._armed and not self._raised:
            self._raised = True
            raise Cancelled("the job was told to stop")


def serve(load: Callable[[], tuple[str, Function]], idle: float) -> int:
    """Load the function, and serve with it; the number of jobs that have ended.

    Raises Cancelled where the process was told to stop, and what the loading raises.
    """
    hands = Hands()
    with _capture.captured(hands.take, pass_on=False):
        name, function = load()
        line = Line(_config.load())
        consumer = Consumer(line, lambda: {name: function}, hands.place)
        with _signals(consumer, hands):
            _until_its_end(consumer, idle)
    if consumer.closing:
        raise Cancelled("the job was told to stop")
    return consumer.jobs


def _until_its_end(consumer: Consumer, idle: float) -> None:
    try:
        while not consumer.closing:
            end = consumer.step(min(POLL, idle - consumer.idle) if idle else POLL)
            if end is not None and end.out_of_memory:
                print("mlq: a job ran out of memory: the next one gets a new process")
                return
            if idle and consumer.idle >= idle:
                return
    except GivenBack as err:
        print(f"mlq: {err}")
    finally:
        consumer.end()


@contextlib.contextmanager
def _signals(consumer: Consumer, hands: Hands) -> Iterator[None]:
    """SIGTERM closes the consumer. By a thread: the handler may hold a lock that this needs."""
    (ear, mouth), process = os.pipe(), os.getpid()

    def listen() -> None:
        if os.read(ear, 1) == b"t":
            consumer.close()
        os.close(ear)

    def on_term(signum: int, _frame: object) -> None:
        end_copy_by(signum, process)
        _tell(mouth)

    threading.Thread(target=listen, name="mlq-stop", daemon=True).start()
    default_in_child(signal.SIGTERM, on_term)
    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, on_term),
        _STOP_JOB: signal.signal(_STOP_JOB, hands.on_signal),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(mouth)


def _tell(mouth: int) -> None:
    with contextlib.suppress(OSError):  # it listens no more: a second SIGTERM
        os.write(mouth, b"t")


def _end_process(why: str) -> NoReturn:
    stream: Any = sys.__stderr__
    print(
        f"mlq: {why}. This process ends, and the next job gets a new one", file=stream, flush=True
    )
    os._exit(1)
