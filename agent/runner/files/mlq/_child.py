"""A process that waits for a job, and becomes it: used once.

The order of steps matters. What a fork hands down is arranged once, in the
warm parent: each step that a child need not take saves it the pages that the
step would touch. What is left of what is the same for every job comes before the
grant: descriptors first, so that nothing of the parent's can be reached. Then, once
it is known for whom, limits, while we may still set them; groups, group, user; and
what a change of user undoes (the parent-death signal, dumpable). Only after
all that is the call read.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

from . import _call, _linux, _outcome
from ._cancel import Stop
from ._channel import FD, Channel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import TextIOWrapper

_RESULT_FD = 4
_UMASK = 0o077
_OOM_SCORE = b"500"  # the kernel shall take the job before the agent, and before its neighbours

_LIMITS = {
    "processes": resource.RLIMIT_NPROC,
    "open_files": resource.RLIMIT_NOFILE,
    "file_size": resource.RLIMIT_FSIZE,
}


def prepare() -> None:
    """Arrange what children inherit: once, before the first fork."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.set_inheritable(FD, False)  # a spare has it from the slot, past an exec
    os.umask(_UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _linux.no_new_privileges()
    sys.argv = ["mlq"]
    # 1 and 2 become pipes; the old streams remember what kind of files they were.
    sys.stdout = sys.__stdout__ = _stream(1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2)  # type: ignore[misc]


def serve(parent: int, mark: _linux.Mark, rehearsal: bytes) -> NoReturn:
    """Wait for the grant, become the job, wait for the call, run it, end."""
    _linux.die_with_parent(parent, signal.SIGKILL)
    _forget_parent()
    _arrange_early()
    _call.rehearse(rehearsal)
    channel = Channel(FD)
    channel.send({"op": "ready"})
    grant, fds = channel.receive()
    if grant is None:
        os._exit(0)
    try:
        _become(grant, fds, parent, mark)
    except OSError as err:
        channel.send({"op": "refused", "detail": str(err)})
        os._exit(1)
    stop = Stop()
    stop.install()
    channel.send({"op": "waiting"})
    message, fds = channel.receive()
    if message is None:  # not wanted after all
        os._exit(0)
    outcome = _outcome.Outcome(_RESULT_FD, grant["max_result"], channel)
    _call.run(fds, stop, outcome, channel, grant.get("environment", ""))


def _forget_parent() -> None:
    """Undo what a warm parent has that its children must not."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if os.getsid(0) != os.getpid():
        os.setsid()


def _arrange_early() -> None:
    """All that can be done before it is known for whom: it costs the job no time."""
    _linux.close_from(FD + 1)
    with contextlib.suppress(OSError):  # a container may have put the bar higher already
        score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(score, _OOM_SCORE)
        os.close(score)
    _reseed()


def _become(grant: Mapping[str, Any], fds: list[int], parent: int, mark: _linux.Mark) -> None:
    """Take on descriptors, environment, limits and user of the job."""
    result, log = fds  # nothing else is open but 0 to 3
    os.dup2(log, 1)
    os.dup2(log, 2)
    if result != _RESULT_FD:
        os.dup2(result, _RESULT_FD, inheritable=False)
        os.close(result)
    os.close(log)
    _set_environment(grant["env"], mark)
    _set_limits(grant.get("limits") or {})
    _set_user(grant.get("account"))
    _linux.new_session_keyring()  # the user's, who must be able to use it
    _linux.set_dumpable(True)
    _linux.die_with_parent(parent, signal.SIGKILL)
    _enter(grant["work_dir"], grant["job_dir"])


def _set_environment(env: dict[str, str], mark: _linux.Mark) -> None:
    mark.write(env)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()


def _set_limits(limits: Mapping[str, int]) -> None:
    for name, which in _LIMITS.items():
        value = limits.get(name)
        if value:
            hard = resource.getrlimit(which)[1]
            if hard != resource.RLIM_INFINITY and os.geteuid() != 0:
                value = min(value, hard)
            resource.setrlimit(which, (value, value))


def _set_user(account: Mapping[str, Any] | None) -> None:
    if account is None or os.geteuid() == account["uid"]:
        return
    os.setgroups(account.get("groups") or [])
    gid, uid = account["gid"], account["uid"]
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def _enter(work_dir: str, job_dir: str) -> None:
    for name in ("out", "tmp"):
        with contextlib.suppress(FileExistsError):  # an earlier attempt's
            os.mkdir(os.path.join(job_dir, name))
    os.chdir(work_dir)
    # As `python script.py` has it, so that modules beside the job are found.
    sys.path.insert(0, work_dir)


def _stream(fd: int) -> TextIOWrapper:
    """A stream that shows each line when it is complete, whatever is in it."""
    return open(fd, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _reseed() -> None:
    """Give preloaded random generators a state of their own.

    Python reseeds `random` after a fork by itself; without this, all jobs of a
    warm parent would draw the same numbers from numpy and torch.
    """
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.seed()
