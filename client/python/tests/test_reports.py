"""What a running job reports, over real connections that break."""

from __future__ import annotations

import pytest

from mlq._config import Settings
from mlq._held import Held, Taken
from mlq._line import Line
from mlq._reports import Reports
from scripted import DROP, Reply, Scripted, problem
from shop import Shop


def reports(shop: Shop) -> Reports:
    shop.add()
    taken = Taken.of(shop.jobs[0])
    held = Held(taken, float("inf"), lambda: None, lambda: None)
    return Reports(Line(Settings(shop.scripted.url, "t")), "c", held)


@pytest.mark.parametrize("first", [DROP, problem("busy", 503)], ids=["lost", "busy"])
def test_the_last_progress_arrives_though_an_answer_is_lost(
    scripted: Scripted, first: Reply
) -> None:
    """As it is, at each, where a server has closed a connection on which nothing was said."""
    shop = Shop(scripted)
    scripted.on("POST /consumer/progress", first, shop.note)
    made = reports(shop)
    made.send({"progress": 50})
    made.close()
    assert shop.progress == [50]


def test_a_progress_that_is_refused_is_not_sent_again(scripted: Scripted) -> None:
    shop = Shop(scripted)
    scripted.on("POST /consumer/progress", problem("bad-request", 400))
    made = reports(shop)
    made.send({"progress": 50})
    made.write("printed")
    made.close()
    assert len(scripted.asked("POST /consumer/progress")) == 1
    assert shop.log == b"printed"
