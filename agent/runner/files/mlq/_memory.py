"""Memory for what arrives: how much there is, and pieces of it that arrays can stay in."""

from __future__ import annotations

import contextlib
import mmap
import os

_OWN_MAPPING = 64 << 10  # bytes: a frame this large gets pages of its own
_HUGE = 8 << 20  # bytes, from which fewer and larger pages are worth asking for


def room(size: int) -> memoryview:
    """Zeroed memory that can be written to; large memory begins with a page.

    It is given back as soon as nothing looks at it any more, whatever arrived beside it.
    """
    if size < _OWN_MAPPING or not hasattr(mmap, "MAP_PRIVATE"):
        return memoryview(bytearray(size))
    try:
        # Private: a process that is forked later writes into a copy of its own.
        mapping = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError:  # no more mappings for this process
        return memoryview(bytearray(size))
    if size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without them
            mapping.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(mapping)


def available() -> int | None:
    """Bytes that this process can still take, as far as the system says; None if it does not."""
    known = [n for n in (_of_machine(), _of_group()) if n is not None]
    return min(known) if known else None


def _of_machine() -> int | None:
    try:
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) << 10
    except (OSError, ValueError, IndexError):
        pass
    return None


def _of_group(root: str = "/sys/fs/cgroup", own: str = "/proc/self/cgroup") -> int | None:
    """What the control groups of this process leave, of version 2: the least of all above it."""
    try:
        with open(own) as lines:
            path = next((line[3:].strip() for line in lines if line.startswith("0::")), "")
    except OSError:
        return None
    left: list[int] = []
    while path:
        with contextlib.suppress(OSError, ValueError):  # no limit: "max"
            taken = _number(root, path, "memory.current") - _cached(root, path)
            left.append(_number(root, path, "memory.max") - taken)
        path = os.path.dirname(path) if path != "/" else ""
    return max(0, min(left)) if left else None


def _cached(root: str, path: str) -> int:
    """Bytes of files that the kernel keeps in memory, and gives up where they are needed."""
    try:
        with open(f"{root}{path}/memory.stat") as lines:
            counts = dict(line.split() for line in lines)
        return int(counts["inactive_file"]) + int(counts["active_file"])
    except (OSError, ValueError, KeyError):
        return 0


def _number(root: str, path: str, name: str) -> int:
    with open(f"{root}{path}/{name}") as file:
        return int(file.read())
