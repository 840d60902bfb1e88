"""What the jobs of these tests do. Each function here makes one, so that it travels as source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from pathlib import Path


def waiting(*gates: Path, value: Any = None) -> Callable[[], Any]:
    """Print a first line, report half of the way, three quarters after the first gate, and so on.

    Print a last line after the last gate, and return the value.
    """
    paths = [str(gate) for gate in gates]

    def wait() -> Any:
        import os
        import time

        import mlq

        print("first line", flush=True)
        for n, path in enumerate(paths, 1):
            mlq.context().update_progress({"done": 2**n - 1, "total": 2**n})
            while not os.path.exists(path):
                time.sleep(0.02)
        print("last line", flush=True)
        return value

    return wait


def returning(value: Any) -> Callable[[], Any]:
    """Return the value."""

    def give() -> Any:
        return value

    return give


def printing(text: str, times: int = 1) -> Callable[[], None]:
    """Print the text so often, as it is."""

    def write() -> None:
        import sys

        for _ in range(times):
            sys.stdout.write(text)

    return write


def failing(words: str) -> Callable[[], None]:
    """Raise."""

    def fail() -> None:
        raise ValueError(words)

    return fail


def drawing(files: dict[str, str]) -> Callable[[], bytes]:
    """Leave files in out/ and return a picture of 2 × 2 points."""

    def draw() -> bytes:
        import base64
        from pathlib import Path

        for name, text in files.items():
            (Path("out") / name).write_text(text)
        return base64.b64decode(
            "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFElEQVR4nGP4z8DAwMDAxAADCBYAG10BBdmz9y0AAAAASUVORK5CYII="
        )

    return draw
