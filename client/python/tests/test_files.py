"""The files of a job."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

import mlq
from scripted import Reply, as_json

if TYPE_CHECKING:
    from pathlib import Path

    from scripted import Scripted


class TestFiles:
    @pytest.fixture
    def files(self, scripted: Scripted) -> dict[str, bytes]:
        return {"model.bin": b"\0" * 3000, "plots/loss ü.png": b"png"}

    def offer(self, scripted: Scripted, files: dict[str, bytes]) -> None:
        listed = [
            {"name": name, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
            for name, body in files.items()
        ]
        scripted.on("GET /jobs/53/files", as_json({"files": listed}))
        scripted.on("GET /jobs/53/files/model.bin", Reply(200, {}, files.get("model.bin", b"")))
        scripted.on("GET /jobs/53/files/plots/loss%20%C3%BC.png", Reply(200, {}, b"png"))

    def test_download(
        self, scripted: Scripted, client: mlq.Client, files: dict[str, bytes], tmp_path: Path
    ) -> None:
        self.offer(scripted, files)
        assert [(f.name, f.size) for f in client.job(53).files()] == [
            ("model.bin", 3000),
            ("plots/loss ü.png", 3),
        ]
        written = client.job(53).download(tmp_path / "new")
        assert written == [tmp_path / "new" / name for name in files]
        assert [path.read_bytes() for path in written] == list(files.values())
        asked = scripted.asked("GET /jobs/53/files/model.bin")
        assert asked[0].headers["Mlq-Compares"] == "sha-256"

    def test_a_damaged_file_is_not_kept(
        self, scripted: Scripted, client: mlq.Client, files: dict[str, bytes], tmp_path: Path
    ) -> None:
        self.offer(scripted, files)
        for wrong in (b"\1" * 3000, b"\0" * 3001, b"\0" * 2999):
            scripted.on("GET /jobs/53/files/model.bin", Reply(200, {}, wrong))
            with pytest.raises(mlq.MlqError, match=r"model\.bin is"):
                client.job(53).download(tmp_path)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "a\\b", "", "a//b", "./a"])
    def test_no_file_leaves_the_directory(
        self, scripted: Scripted, client: mlq.Client, tmp_path: Path, name: str
    ) -> None:
        self.offer(scripted, {name: b"x"})
        with pytest.raises(mlq.MlqError, match="no name of a file"):
            client.job(53).download(tmp_path / "below")
        assert list(tmp_path.iterdir()) == []
