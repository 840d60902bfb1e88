"""The part of a driver in a dry run: who has ended, uses no memory any more."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable
from pathlib import Path


class StandIn:
    """NVML's stand-in, whose state is a file of lines KEY=VALUE."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "nvml"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def add(self, pid: int, mib: int) -> None:
        """Have a process use the device."""
        self._change(lambda users: [*users, f"{pid}:{mib}"])

    def close(self) -> None:
        """Stop."""
        self._over.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._over.wait(0.01):
            self._change(lambda users: [u for u in users if alive(int(u.split(":")[0]))])

    def _change(self, how: Callable[[list[str]], list[str]]) -> None:
        with Path(f"{self.state}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lines = dict(line.split("=", 1) for line in self.state.read_text().splitlines())
            users = [u for u in lines.get("0.compute", "").split(",") if u]
            after = how(users)
            if after == users:
                return
            lines["0.compute"] = ",".join(after)
            new = self.state.with_suffix(".new")
            new.write_text("".join(f"{k}={v}\n" for k, v in lines.items()))
            new.replace(self.state)


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
