"""What the jobs run. They import nothing of ours, since they are sent by value.

``standin`` is None on hardware. Else it is the file of the stand-in's state, in which a job
writes itself as a user of the device, as a driver would know of it, and computes on the CPU.
"""

from __future__ import annotations

from typing import Any


def use(standin: str | None, mib: int) -> Any:
    """Use so much memory of the device until the end of the process."""
    import os

    if standin is None:
        import importlib

        torch: Any = importlib.import_module("torch")
        held = torch.empty(mib << 20, dtype=torch.uint8, device="cuda").fill_(1)
        torch.cuda.synchronize()
        return held
    import fcntl
    from pathlib import Path

    with Path(standin + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lines = dict(line.split("=", 1) for line in Path(standin).read_text().splitlines())
        users = [u for u in lines.get("0.compute", "").split(",") if u]
        lines["0.compute"] = ",".join([*users, f"{os.getpid()}:{mib}"])
        Path(standin + ".job").write_text("".join(f"{k}={v}\n" for k, v in lines.items()))
        Path(standin + ".job").replace(standin)
    return None


def matmul(standin: str | None) -> dict[str, Any]:
    """Multiply whole numbers, which has one right result, and say on what."""
    import importlib
    import importlib.util
    import os

    use(standin, 64)
    said: dict[str, Any] = {"visible": os.environ.get("CUDA_VISIBLE_DEVICES"), "name": "the CPU"}
    if standin and not importlib.util.find_spec("torch"):
        product = [[sum(a * b for a, b in zip((1, 2), column)) for column in ((3, 5), (4, 6))]]
        return {**said, "right": product == [[13, 16]], "torch": "not there", "cuda": None}
    torch: Any = importlib.import_module("torch")
    on = "cpu" if standin else "cuda"
    a = torch.arange(512 * 512).remainder(17).reshape(512, 512).double()
    b = torch.arange(512 * 512).remainder(13).reshape(512, 512).double()
    right = bool(torch.equal((a.to(on) @ b.to(on)).cpu(), a @ b))
    said.update(right=right, torch=str(torch.__version__), cuda=torch.version.cuda)
    if standin is None:
        props = torch.cuda.get_device_properties(0)
        said.update(
            count=torch.cuda.device_count(),
            name=props.name,
            torch_uuid=str(getattr(props, "uuid", "")),  # since torch 2.5
            driver_uuid=driver_uuid(),
        )
    return said


def driver_uuid() -> str:
    """Ask the driver for the UUID of the device that it calls 0; of a slice, the slice's."""
    import ctypes
    import uuid

    cuda = ctypes.CDLL("libcuda.so.1")
    device, raw = ctypes.c_int(), (ctypes.c_ubyte * 16)()
    ask = getattr(cuda, "cuDeviceGetUuid_v2", cuda.cuDeviceGetUuid)
    for code in (cuda.cuInit(0), cuda.cuDeviceGet(ctypes.byref(device), 0), ask(raw, device)):
        if code:
            return f"CUDA error {code}"
    return str(uuid.UUID(bytes=bytes(raw)))


def tiny(standin: str | None) -> tuple[float, float]:
    """Compute a little on the device; the times of the first and last line."""
    import time

    first = time.time()
    use(standin, 64)
    return first, time.time()


def hold(standin: str | None, mib: int) -> None:
    """Hold memory until cancelled."""
    import time

    import mlq

    held = use(standin, mib)
    mlq.context().update_progress("held")
    time.sleep(300)
    del held


def sees() -> dict[str, Any]:
    """Say which devices CUDA shows, by the variable and by the driver's own count."""
    import ctypes
    import os

    said: dict[str, Any] = {"visible": os.environ.get("CUDA_VISIBLE_DEVICES")}
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError as err:
        said["count"] = f"no libcuda: {err}"
        return said
    n, code = ctypes.c_int(-1), cuda.cuInit(0)
    if code == 0:
        code = cuda.cuDeviceGetCount(ctypes.byref(n))
    # 100 is CUDA_ERROR_NO_DEVICE: what it says where the variable hides all.
    said["count"] = 0 if code == 100 else n.value if code == 0 else f"CUDA error {code}"
    return said


def opens(paths: list[str]) -> dict[str, str]:
    """Open device files, and say what the kernel answered."""
    import errno
    import os

    said = {}
    for path in paths:
        try:
            os.close(os.open(path, os.O_RDWR))
            said[path] = "open"
        except OSError as err:
            said[path] = errno.errorcode.get(err.errno or 0, str(err))
    return said
