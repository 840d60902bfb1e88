"""Consumers for tests, of the shop that shop.py is."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, Callable

from mlq import _capture, _consume, _context, _interrupt, _work
from mlq._config import Settings
from mlq._line import Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlq._context import Context
    from mlq._reports import Reports
    from shop import Shop

PATIENCE = 20.0  # seconds


def consumer(
    shop: Shop, *functions: Callable[..., Any], stuck: list[str] | None = None
) -> _consume.Consumer:
    @contextlib.contextmanager
    def around(context: Context, reports: Reports) -> Iterator[None]:
        def take(text: str) -> bool:
            reports.write(text)
            return True

        with _capture.captured(take, pass_on=True), _context.within(context):
            yield

    told = (lambda why: None) if stuck is None else stuck.append
    place = _consume.Place(_interrupt.Interrupt, around, told)
    by_name = {function.__name__: function for function in functions}
    return _consume.Consumer(Line(Settings(shop.scripted.url, "t")), lambda: by_name, place)


def step(made: _consume.Consumer) -> _work.End | None:
    try:
        return made.step()
    finally:
        made._keeper.close()
        if made._keeper._thread:
            made._keeper._thread.join(PATIENCE)


def wait_for(what: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        threading.Event().wait(0.01)


@contextlib.contextmanager
def serving(made: _consume.Consumer) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield thread
    finally:
        made.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()
