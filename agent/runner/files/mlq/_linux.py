"""The few system calls of Linux that the standard library does not offer."""

from __future__ import annotations

import contextlib
import ctypes
import os

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

# keyctl(2); its number is another one on each architecture (the kernel's syscall tables).
_SYS_KEYCTL = {"x86_64": 250, "aarch64": 219, "ppc64le": 271, "riscv64": 219, "s390x": 280}
_KEYCTL_JOIN_SESSION_KEYRING = 1

_libc = ctypes.CDLL(None, use_errno=True)
_libc.getenv.restype = ctypes.c_void_p
_close_range = getattr(_libc, "close_range", None)  # glibc ≥ 2.34; the kernel has it since 5.9
_MAX_FD = ctypes.c_uint(0xFFFFFFFF)

# What a child overwrites in place: see Mark.
MARKED = {"MLQ_JOB_ID": 20, "MLQ_FENCE_TOKEN": 20}  # name: width in bytes


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl {option}: {os.strerror(code)}")


def die_with_parent(parent: int, signal: int) -> None:
    """Have the kernel send ``signal`` when the parent dies; end if it already has.

    To be called again after every change of user: that clears it.
    """
    _prctl(_PR_SET_PDEATHSIG, signal)
    if os.getppid() != parent:
        os._exit(1)


def no_new_privileges() -> None:
    """From here on no program that is executed gains anything (setuid bits, capabilities)."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def new_session_keyring() -> None:
    """Leave the keys of whoever started the agent, and of the jobs before, behind.

    A session's keys open to all of its processes, whoever they run as. Where the
    system call is refused, as in many containers, no job can use keys either.
    """
    number = _SYS_KEYCTL.get(os.uname().machine)
    if number is not None:
        _libc.syscall(ctypes.c_long(number), _KEYCTL_JOIN_SESSION_KEYRING, None, 0, 0, 0)


def close_from(first: int) -> None:
    """Close every descriptor from ``first`` on."""
    if _close_range is not None and _close_range(first, _MAX_FD, 0) == 0:
        return
    for name in os.listdir("/proc/self/fd"):
        if int(name) >= first:
            with contextlib.suppress(OSError):  # the one that listed the folder
                os.close(int(name))


def set_dumpable(dumpable: bool) -> None:
    """Whether other processes of this user may look into this one's memory."""
    _prctl(_PR_SET_DUMPABLE, int(dumpable))


class Mark:
    """Makes ``/proc/PID/environ`` of a forked process name its job.

    That file shows the memory in which the *first* environment of the program
    lies, whatever was put into ``os.environ`` since. The slot starts its
    interpreters with place-holders there; a child writes the job's values over
    them, and all that it forks has them too. So a slot that was restarted can
    tell which processes were its job's.
    """

    def __init__(self) -> None:
        # Before anything calls putenv for these names: later, getenv may
        # point elsewhere.
        self._at = {name: _libc.getenv(name.encode()) for name in MARKED if name in os.environ}

    def write(self, environ: dict[str, str]) -> None:
        """Write the values that ``environ`` has for the marked names."""
        for name, address in self._at.items():
            value = environ.get(name, "").encode()
            width = MARKED[name]
            if address and 0 < len(value) <= width:
                ctypes.memmove(address, value.ljust(width, b"\0"), width)
