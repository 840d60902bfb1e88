"""Modules that come with a call, and archives that a runner refuses."""

from __future__ import annotations

import io
import json
import os
import pickle
import platform
import sys
import warnings
import zipfile
from typing import Any, Callable

import pytest

from mlq._envelope import pack
from runners import Runner, by_value, envelope

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the runner is for hosts: Linux")


def zipped(**attributes: Any) -> Callable[..., bytes]:
    """Makes an archive of (name, text) pairs; ``attributes`` are set on each member."""

    def make(*members: tuple[str, str]) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of two members of one name
            for name, text in members:
                info = zipfile.ZipInfo(name)
                info.compress_type = zipfile.ZIP_DEFLATED
                for attribute, value in attributes.items():
                    setattr(info, attribute, value)
                packed.writestr(info, text)
        return file.getvalue()

    return make


def answer() -> Any:
    import helper  # type: ignore[import-not-found]

    return helper.ANSWER


@pytest.mark.parametrize("within", [True, False])
def test_modules_come_first(runner: Runner, within: bool) -> None:
    archive = zipped()(
        ("helper.py", "from json import ANSWER"), ("json/__init__.py", "ANSWER = 42")
    )
    (runner.folder / "helper.py").write_text("ANSWER = 'of the working directory'")
    frames = [("code", by_value(answer)), ("args", pickle.dumps(((), {})))]
    if within:
        frames.insert(1, ("modules", archive))
    call = b"".join(pack({"kind": "call", "python": platform.python_version()}, frames))
    runner.become(env={"PATH": os.defpath, "MLQ_JOB_DIR": str(runner.folder)})
    runner.go("envelope", [call] if within else [call, archive])
    code, found = runner.end()
    assert (code, json.loads(bytes(found.frames["view"]))) == (0, 42)
    (folder,) = (runner.folder / "tmp").iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700


BOMB = "0" * ((64 << 20) + 1)


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (b"no zip", "not an archive of modules"),
        (zipped()(("helper.py", "x" * 99))[:60], "not an archive of modules"),
        (zipped()(("../helper.py", "")), "a file is named '../helper.py'"),
        (zipped()(("/etc/helper.py", "")), "a file is named '/etc/helper.py'"),
        (zipped()(("a/./b.py", "")), "a file is named"),
        (zipped()(("a\\b.py", "")), "a file is named"),
        (zipped(external_attr=0o120777 << 16)(("link", "/etc")), "'link' is no plain file"),
        (zipped(external_attr=0o040755 << 16)(("folder", "")), "'folder' is no plain file"),
        (zipped()(("a.py", ""), ("a.py", "")), "two files are named 'a.py'"),
        (zipped()(("a", ""), ("a/b.py", "")), "'a/b.py' is a file and a folder"),
        (zipped()(*((f"m{i}.py", "") for i in range(10_001))), "10001 files"),
        (zipped()(("a.bin", BOMB)), "more than 67108864 bytes"),
    ],
    ids=range(12),
)
def test_archives_that_are_refused(runner: Runner, archive: bytes, words: str) -> None:
    runner.become(env={"PATH": os.defpath, "MLQ_JOB_DIR": str(runner.folder)})
    runner.go("envelope", [envelope(answer), archive])
    code, found = runner.end()
    assert code == 1
    assert found.header["reason"] == "rejected"
    assert "the call's modules cannot be unpacked: " in found.header["message"]
    assert words in found.header["message"]
    assert not list(runner.folder.glob("*.py"))


def test_a_size_that_is_a_lie(runner: Runner) -> None:
    """What an archive says of itself is not believed."""
    archive = bytearray(zipped()(("a.bin", BOMB)))
    at = archive.rindex(b"PK\1\2") + 24
    archive[at : at + 4] = (5).to_bytes(4, "little")
    runner.become(env={"PATH": os.defpath, "MLQ_JOB_DIR": str(runner.folder)})
    runner.go("envelope", [envelope(answer), bytes(archive)])
    assert runner.end()[1].header["reason"] == "rejected"
