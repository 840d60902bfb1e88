"""A real IPython kernel, and what it publishes while a cell runs."""

from __future__ import annotations

import os
import queue
import signal
import tempfile
import time
from typing import Any, Callable, NamedTuple

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

PATIENCE = 60.0  # seconds for anything that must come

SETUP = """
import mlq, pathlib, time

def wait_for(path):
    import pathlib, time
    print("waiting for", pathlib.Path(path).name, flush=True)
    while not pathlib.Path(path).exists():
        time.sleep(0.02)
    return "seen"
"""


class Message(NamedTuple):
    """One message of a cell. ``at`` is when it was received, in monotonic seconds."""

    at: float
    kind: str
    content: dict[str, Any]

    @property
    def text(self) -> str:
        """Its plain text, whatever it is."""
        if self.kind == "stream":
            return str(self.content["text"])
        return str(self.content.get("data", {}).get("text/plain", ""))

    @property
    def display(self) -> str:
        """The id of its display, or ""."""
        return str(self.content.get("transient", {}).get("display_id", ""))


class Cell:
    """A cell that runs: what it has published so far."""

    def __init__(self, kernel: Kernel, code: str) -> None:
        self._kernel = kernel
        self._id = kernel.client.execute(code)
        self.messages: list[Message] = []
        self.over = False
        self.number = 0  # as its prompt has it, In[3]

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Receive messages until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert not self.over, f"the cell is over without: {what}\n{self}"
            assert time.monotonic() < end, f"not within {PATIENCE:.0f} s: {what}\n{self}"
            self._receive()

    def done(self) -> Cell:
        """Receive all until the cell is over."""
        self.until("the end", lambda: self.over)
        return self

    def _receive(self) -> None:
        try:
            message = self._kernel.client.get_iopub_msg(timeout=0.5)
        except queue.Empty:
            return
        kind, content = message["header"]["msg_type"], message["content"]
        if message["parent_header"].get("msg_id") != self._id:
            self._kernel.strays.append(Message(time.monotonic(), kind, content))
        elif kind == "status":
            self.over = content["execution_state"] == "idle"
        elif kind == "execute_input":
            self.number = int(content["execution_count"])
        else:
            self.messages.append(Message(time.monotonic(), kind, content))

    def of(self, *kinds: str) -> list[Message]:
        """The messages of some kinds."""
        return [m for m in self.messages if m.kind in kinds]

    @property
    def stdout(self) -> str:
        """All that was written to it."""
        return "".join(m.text for m in self.of("stream") if m.content["name"] == "stdout")

    @property
    def error(self) -> str:
        """The name of the exception that ended it, or ""."""
        found = self.of("error")
        return str(found[0].content["ename"]) if found else ""

    def painted(self, display: str) -> list[Message]:
        """What one display showed, from first to last."""
        return [m for m in self.of("display_data", "update_display_data") if m.display == display]

    def line(self, job: int) -> str:
        """What the line of a job shows now."""
        found = self.painted(f"mlq-{job}")
        return found[-1].text if found else ""

    def __str__(self) -> str:
        return "\n".join(
            f"{m.kind} {m.display} {m.text!r} {m.content}"[:400] for m in self.messages
        )


class Kernel:
    """A kernel with its client; cells run in it one after the other."""

    def __init__(self, env: dict[str, str]) -> None:
        # That of this Python, whatever kernels and start-up files this machine has.
        own = KernelSpecManager(kernel_dirs=[])
        self.manager = KernelManager(kernel_name="python3", kernel_spec_manager=own)
        self._settings = tempfile.TemporaryDirectory()
        mine = {"IPYTHONDIR": self._settings.name}
        self.manager.start_kernel(env={**os.environ, **mine, **env})
        self.strays: list[Message] = []  # of no cell that was waited for
        self._connect()

    def _connect(self) -> None:
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)
        self.run(SETUP)
        self.pid = int(self.value("__import__('os').getpid()"))

    def start(self, code: str) -> Cell:
        """Run a cell, without waiting for it."""
        return Cell(self, code)

    def run(self, code: str) -> Cell:
        """Run a cell to its end."""
        return self.start(code).done()

    def value(self, expression: str) -> str:
        """The text of an expression's value."""
        cell = self.run(expression)
        assert not cell.error, cell
        return cell.of("execute_result")[0].text

    def interrupt(self) -> None:
        """What the stop button does."""
        self.manager.interrupt_kernel()

    def kill(self) -> None:
        """What the machine does to a kernel that takes too much memory."""
        os.kill(self.pid, signal.SIGKILL)

    def restart(self) -> None:
        """A kernel that dies and is started again: nothing of before is left in it.

        "Restart kernel" interrupts what runs first, and a cell that waits may then cancel its job
        before it is killed, or not.
        """
        self.client.stop_channels()
        process: Any = self.manager.provisioner
        os.kill(process.pid, signal.SIGKILL)
        self.manager.restart_kernel(now=True)
        self._connect()

    def stop(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()
        self._settings.cleanup()
