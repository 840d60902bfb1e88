"""A job that forks: its children ask over connections of their own, and report nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from scripted import Reply, Request, Scripted, as_json
from shop import Shop

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

ASKS = """
import os, sys
from mlq._config import Settings
from mlq._line import Line, patience

line = Line(Settings(sys.argv[1]))
ask = lambda path: line.ask("GET", path, more=patience(10)).body
assert ask("/parent") == b"1"
child = os.fork()
if not child:
    ask("/child")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert ask("/parent") == b"1"
"""

LISTENS = """
import multiprocessing, os, sys, time
from mlq._config import Settings
from mlq._line import Line
from mlq._listener import Listener

line = Line(Settings(sys.argv[1], "t"))
processes = multiprocessing.get_context("fork")

def listens_again():
    listener.start(line)
    while not listener._consumer.jobs:
        time.sleep(0.01)
    os._exit(0)  # a program does not end while it listens

def f(msg):
    if msg == "again":
        return os.getppid()
    child = processes.Process(target=work[msg])
    child.start()
    child.join(10)
    if child.exitcode is None:
        child.kill()
    return child.exitcode

work = {"nothing": int, "listen": listens_again}
listener = Listener(lambda: {"f": f}, lambda: float("inf"))
listener.start(line)
while listener._consumer.jobs < 2:
    time.sleep(0.01)
print(os.getpid(), flush=True)  # os._exit flushes nothing
os._exit(0)
"""


def run(program: str, url: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, url],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_child_asks_over_its_own_connection(scripted: Scripted) -> None:
    ports: dict[str, set[int]] = {"/parent": set(), "/child": set()}

    def note(request: Request) -> Reply:
        ports[request.path].add(request.port)
        return as_json(1)

    for path in ports:
        scripted.on(f"GET {path}", note)
    run(ASKS, scripted.url)
    assert (len(ports["/parent"]), len(ports["/child"])) == (1, 1)
    assert ports["/parent"] != ports["/child"]


def test_a_child_of_a_listener_ends_and_may_listen_itself(scripted: Scripted) -> None:
    shop = Shop(scripted)
    jobs = [shop.add(msg) for msg in ("nothing", "listen", "again")]
    parent = int(run(LISTENS, scripted.url))
    assert [shop.value(job) for job in jobs] == [0, 0, parent]
