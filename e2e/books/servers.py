"""A lab as people have it: Redis, `mlq serve` and `mlq agent`, each a process of its own."""

from __future__ import annotations

import contextlib
import operator
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import mlq
from lab import binary, free_port, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "lab-1"


class Servers:
    """They start in order and end in the other; what they print is in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self) -> Servers:
        """Start all three, and wait until the agent has joined."""
        self._start_redis()
        self._start("serve", f"--listen={self.url[7:]}", f"--store={self._store}")
        until("the server is ready", lambda: self._lives() and self._ready())
        token = self.folder / "agent.token"
        token.touch(0o600)
        token.write_text(self.token(HOST, "agent"))
        joins = [f"--server={self.url}", f"--token-file={token}", f"--name={HOST}"]
        self._start("agent", *joins, "--gpus=cpu:2", f"--python=torch={sys.executable}")
        until("the agent has joined", lambda: self._lives() and HOST in self.mlq("hosts"))
        return self

    def await_idle(self) -> None:
        """Wait until what ran before has left both devices."""
        with mlq.Client(self.url, self.admin_token) as admin:
            until("both are free", lambda: all(d.state == "free" for d in admin.status().devices))

    def stop(self) -> None:
        """End all, the last one first."""
        for process in reversed(self._started):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)

    def token(self, user: str, role: str = "user") -> str:
        """Make a token, as an admin does."""
        return self.mlq("token", "create", "--user", user, "--role", role).strip()

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Both devices are held, by ana and ben, and a job of ben's waits. Of each, some jobs ended."""
        ana, ben = (mlq.Client(self.url, self.token(user)) for user in ("ana", "ben"))
        with ana, ben:
            for user, count in ((ana, 3), (ben, 1)):
                mlq.wait(user.map(time.sleep, [0.3] * count), timeout=60)
                user.submit(operator.truediv, 1, 0).exception(timeout=60)
            jobs = [
                ana.submit(time.sleep, 600, name="night", timeout="2h"),
                ben.submit(time.sleep, 600, name="sweep", timeout="30m"),
            ]
            until("both run", lambda: all(job.running() for job in jobs))
            try:
                jobs.append(ben.submit(time.sleep, 600, name="waits"))
                yield
            finally:
                for job in jobs:
                    job.cancel()

    @property
    def admin_token(self) -> str:
        """The first admin's token."""
        return (self.folder / "serve" / "admin.token").read_text().strip()

    def mlq(self, *command: str) -> str:
        """Run `mlq` as the admin and return what it prints."""
        env = {**self._environment(), "MLQ_TOKEN": self.admin_token, "MLQ_URL": self.url}
        made = subprocess.run([str(binary()), *command], env=env, check=True, capture_output=True)
        return made.stdout.decode()

    def _start_redis(self) -> None:
        port = free_port()
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        self._run("redis", command)
        until("Redis answers", lambda: self._lives() and answers(port))
        self._store = f"redis://127.0.0.1:{port}/0"

    def _start(self, part: str, *flags: str) -> None:
        """Start a part of MLQ."""
        data = f"--data={self.folder / part}"
        self._run(part, [str(binary()), part, "--log-format=text", data, *flags])

    def _run(self, name: str, command: list[str]) -> None:
        env = self._environment()
        with (self.folder / f"{name}.log").open("wb") as log:
            self._started.append(
                subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=self.folder)
            )

    def _environment(self) -> dict[str, str]:
        """That of the tests, without settings of who runs them."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MLQ_")}
        return {**kept, "XDG_CONFIG_HOME": str(self.folder)}

    def _lives(self) -> bool:
        """Whether all that were started run. Raises with what the first that does not has said."""
        for process in self._started:
            if process.poll() is not None:
                logs = "\n".join(log.read_text()[-2000:] for log in self.folder.glob("*.log"))
                raise AssertionError(f"{process.args!r} ended:\n{logs}")
        return True

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False
