"""A lab for the tests of the page: a real `mlq serve` with its agent, and people with tokens."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable, NamedTuple

import mlq

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 30.0  # seconds for anything that must come


def binary() -> Path:
    """The `mlq` that is tested."""
    return Path(os.environ.get("MLQ_BIN") or REPOSITORY / "bin" / "mlq").resolve()


def free_port() -> int:
    """A port of loopback that nobody listens on now, and that the kernel gives to nobody."""
    for port in random.sample(range(20_000, 30_000), 100):  # below those that it chooses from
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no free port")


def until(what: str, holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until a condition holds."""
    tick = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if holds():
            return
        tick.wait(0.05)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


class Lab:
    """`mlq serve --with-agent`, or `mlq dev`, with simulated devices; it can be killed and started again."""

    def __init__(self, data: Path, gpus: str = "sim:2", *flags: str, dev: bool = False) -> None:
        self.data = data
        self.url = f"http://127.0.0.1:{free_port()}"
        process = ["dev"] if dev else ["serve", "--with-agent"]
        self._command = [str(binary()), *process, "--gpus", gpus, "--name", "gpu1"]
        self._command += ["--listen", self.url[7:], "--data", str(data / "d")]
        self._command += ["--python", sys.executable, "--log-format", "text", *flags]
        self._process: subprocess.Popen[bytes] | None = None
        self._people: list[Person] = []
        self._number = itertools.count(1)

    def start(self) -> Lab:
        """Start the server and wait until it is ready and its agent has joined."""
        with (self.data / "serve.log").open("ab") as log:
            env = self._environment()
            self._process = subprocess.Popen(
                self._command, env=env, stdout=log, stderr=log, start_new_session=True
            )
        until(f"{self.url} is ready; {self.data / 'serve.log'}", self._ready)
        return self

    def _environment(self) -> dict[str, str]:
        """That of the tests, without settings of who runs them."""
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith("MLQ_")},
            "XDG_CONFIG_HOME": str(self.data),
        }

    def kill(self) -> None:
        """End the server without a farewell."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """End everything."""
        for person in self._people:
            person.client.close()
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError((self.data / "serve.log").read_text(errors="replace")[-3000:])
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    @property
    def admin_token(self) -> str:
        """The first admin's token."""
        return (self.data / "d" / "admin.token").read_text().strip()

    def token(self, user: str) -> str:
        """Make a token, as an admin does."""
        return str(json.loads(self.admin("token", "create", "--user", user, "-o", "json"))["token"])

    def revoke(self, token: str) -> None:
        """Make a token worthless, as an admin does."""
        self.admin("token", "revoke", token.split("_")[2])

    def admin(self, *command: str) -> str:
        """Run `mlq` as the admin and return what it prints."""
        env = {**self._environment(), "MLQ_TOKEN": self.admin_token}
        done = subprocess.run(
            [str(binary()), *command, "--server", self.url],
            env=env,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def person(self, name: str) -> Person:
        """A user of that name and a number, who has no jobs yet."""
        user = f"{name}{next(self._number)}"
        token = self.token(user)
        person = Person(user, token, mlq.Client(self.url, token))
        self._people.append(person)
        return person


class Person(NamedTuple):
    """A user with a token and a Python client."""

    name: str
    token: str
    client: mlq.Client

    def leave(self) -> None:
        """Cancel what is left, and wait until the devices are clean."""
        self.ask("/jobs?all=true", method="DELETE")
        until(f"the jobs of {self.name} have ended", self._idle)

    def submit_many(self, count: int) -> None:
        """Submit so many small jobs in one request."""
        jobs = [{"command": ["true"]}] * count
        assert len(self.ask("/jobs/batch", {"jobs": jobs}, method="POST")) == count

    def ask(self, path: str, body: object = None, *, method: str = "GET") -> Any:
        """What the server answers, as JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.client.url + path, data, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def _idle(self) -> bool:
        return not self.ask("/jobs?state=scheduled,queued,leased,running")["jobs"]
