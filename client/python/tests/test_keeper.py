"""The lease of a job in hand: what renews it, and how soon a stop is heeded."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from mlq._belief import now
from mlq._config import Settings
from mlq._held import Held, Taken
from mlq._keeper import Keeper
from mlq._line import Line
from scripted import Reply, Scripted, as_json
from shop import Shop

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def keeper(scripted: Scripted) -> Iterator[Keeper]:
    made = Keeper(Line(Settings(scripted.url, "t")), "c")
    yield made
    made.close()


def held(scripted: Scripted, stuck: threading.Event, since: float) -> Held:
    shop = Shop(scripted)
    shop.add(grace=0.1)
    return Held(Taken.of(shop.jobs[0]), since, lambda: None, stuck.set)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"Content-Type": "text/html"}, b"<html>sign in"),
        Reply(302, {"Location": "/login"}),
        as_json([]),
    ],
    ids=["page", "redirect", "no answer of ours"],
)
def test_what_mlq_did_not_say_renews_no_lease(
    scripted: Scripted, keeper: Keeper, reply: Reply
) -> None:
    """The job may be somebody else's meanwhile: the server has not heard of this one."""
    since = now() - 10
    job = held(scripted, threading.Event(), since)
    keeper._heartbeat(job)
    assert job.belief.renewed > since
    scripted.on("POST /consumer/renew", reply)
    job.renew(since)
    keeper._heartbeat(job)
    assert job.belief.renewed == since


def test_a_job_that_is_stopped_has_its_grace_and_no_more(
    scripted: Scripted, keeper: Keeper
) -> None:
    """Not until the next heartbeat, which comes in 5 s."""
    stuck = threading.Event()
    job = held(scripted, stuck, now() - 10)
    keeper.keep(job)
    until = now() + 10
    while job.belief.renewed < until - 10:
        assert now() < until
        threading.Event().wait(0.01)
    job.stop("released", "the process ends")
    assert stuck.wait(2)


def test_a_lease_longer_than_a_thread_can_wait_is_kept_too(
    scripted: Scripted, keeper: Keeper
) -> None:
    stuck = threading.Event()
    shop = Shop(scripted)
    shop.add(grace=0.1, lease=1e300)
    job = Held(Taken.of(shop.jobs[0]), now(), lambda: None, stuck.set)
    keeper.keep(job)
    assert not stuck.wait(0.2)
    job.stop("released", "the process ends")
    assert stuck.wait(2)
