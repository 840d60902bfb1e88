"""The warm parent: an interpreter with modules imported, forked for every job.

It never runs anything of a job itself. The slot asks for a child ahead of
need; the child waits on a channel of its own (``_child``).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import platform
import select
import signal
import socket
import sys
import warnings
from typing import TYPE_CHECKING

from . import _call, _child, _linux
from ._channel import FD, Channel

if TYPE_CHECKING:
    from collections.abc import Sequence


_REHEARSALS = 32  # CPython specialises a function at its second to eighth call, its loops later


def serve(preload: Sequence[str]) -> None:
    """Answer the slot until it goes away."""
    _linux.set_dumpable(False)  # a job of the same user could write into it
    mark = _linux.Mark()
    imported, failed = _import_all(preload)
    _child.prepare()
    rehearsal = _rehearse()
    channel = Channel(FD)
    wake = _wake_on_child()
    # What is there now stays: children then copy no page only because the
    # collector touched it.
    gc.collect()
    gc.freeze()
    channel.send(
        {"op": "ready", "version": platform.python_version(), "modules": imported, "failed": failed}
    )
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    poll.register(wake.fileno(), select.POLLIN)
    while True:
        ready = {fd for fd, _ in poll.poll()}
        if wake.fileno() in ready:
            _reap(channel, wake)
        if channel.fileno() in ready and not _answer(channel, wake, mark, rehearsal):
            return


def _import_all(names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    imported, failed = [], {}
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as err:  # noqa: BLE001  # whatever a module does, jobs may not need it
            failed[name] = f"{type(err).__name__}: {err}"[:1000]
        else:
            imported.append(name)
    return imported, failed


def _rehearse() -> bytes:
    """Have the interpreter settle what it learns of code from running it.

    It rewrites code that runs often, and fills caches; a page on which that
    happened before the fork is not copied in every child because of it.
    """
    rehearsal = _call.rehearsal()
    for _ in range(_REHEARSALS):
        _call.rehearse(rehearsal)
    return rehearsal


def _wake_on_child() -> socket.socket:
    """A socket that becomes readable when a child has ended."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.detach(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _signum, _frame: None)
    return ours


def _reap(channel: Channel, wake: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        wake.recv(4096)
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        channel.send({"op": "exited", "pid": pid, "status": status})


def _answer(channel: Channel, wake: socket.socket, mark: _linux.Mark, rehearsal: bytes) -> bool:
    """Carry out one request of the slot; False when it has gone."""
    message, fds = channel.receive()
    if message is None:
        return False
    parent = os.getpid()
    pid = _fork()
    if pid == 0:
        try:
            os.dup2(fds[0], FD, inheritable=False)
            # Their destructors would close numbers that are somebody else's by then.
            channel.release()
            wake.detach()
            _child.serve(parent, mark, rehearsal)
        finally:
            os._exit(1)  # nothing above returns
    for fd in fds:
        os.close(fd)
    channel.send({"op": "forked", "pid": pid})
    return True


def _fork() -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.version_info < (3, 12):
        return os.fork()
    with warnings.catch_warnings():
        # It warns when preloaded modules have threads; which modules survive
        # a fork is decided by the admin who names them.
        warnings.simplefilter("ignore")
        return os.fork()
