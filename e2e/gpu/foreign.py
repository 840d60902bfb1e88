"""Another program that uses a GPU past MLQ: 512 MiB through the CUDA driver's API.

Prints "holding" when it has the memory, and ends with its input. With --standin it holds
nothing; who started it writes it into the stand-in's state.
"""

from __future__ import annotations

import ctypes
import sys


def take(size: int) -> None:
    """Take memory on the device that CUDA_VISIBLE_DEVICES names."""
    cuda = ctypes.CDLL("libcuda.so.1")

    def call(name: str, *args: object) -> None:
        code = getattr(cuda, name)(*args)
        if code:
            sys.exit(f"{name}: CUDA error {code}")

    device, context, at = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_uint64()
    call("cuInit", 0)
    call("cuDeviceGet", ctypes.byref(device), 0)
    call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    call("cuCtxSetCurrent", context)
    call("cuMemAlloc_v2", ctypes.byref(at), ctypes.c_size_t(size))
    call("cuMemsetD8_v2", at, ctypes.c_ubyte(1), ctypes.c_size_t(size))
    call("cuCtxSynchronize")


if __name__ == "__main__":
    if "--standin" not in sys.argv:
        take(512 << 20)
    print("holding", flush=True)
    sys.stdin.read()
