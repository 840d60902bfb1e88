"""A Jupyter server with its three front ends, which knows nothing of who runs it and asks nothing of the world."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

from lab import until

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "of-the-tests"
EXTENSIONS = ("jupyterlab", "notebook", "notebook_shim", "nbclassic", "jupyter_server_terminals")
BEHAVIOUR = (
    "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
    "--LabApp.news_url=None",
    "--LabApp.extension_manager=readonly",
    "--LabApp.expose_app_in_browser=True",  # tells when the front end is ready
    "--JupyterNotebookApp.expose_app_in_browser=True",
)
# The theme follows the browser's colour scheme, and nothing is fetched.
SETTINGS: dict[str, dict[str, Any]] = {
    "apputils-extension/themes": {"adaptive-theme": True},
    "apputils-extension/notification": {"checkForUpdates": False, "fetchNews": "false"},
}


class Jupyter:
    """JupyterLab, Notebook and the classic Notebook in one process. Kernels have mlq and these settings of it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder, self.notebooks = folder, folder / "notebooks"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> Jupyter:
        """Start it, and wait until it listens."""
        self.notebooks.mkdir(parents=True)
        self._write_settings()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                env=self._environment(),
                cwd=self.notebooks,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(f"Jupyter listens; {self._log}", self._listens)
        return self

    def stop(self) -> None:
        """End it, and with it its kernels."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def write(self, name: str, cells: list[str]) -> str:
        """Write a notebook of code cells. Returns its file's name."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        made: list[dict[str, Any]] = [
            {
                "cell_type": "code",
                "id": f"cell-{n}",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": code,
            }
            for n, code in enumerate(cells)
        ]
        body = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4}
        text = json.dumps({**body, "nbformat_minor": 5})
        (self.notebooks / f"{name}.ipynb").write_text(text)
        return f"{name}.ipynb"

    def is_idle(self, notebook: str) -> bool:
        """Whether a front end is connected to the kernel of a notebook, which has nothing to do."""
        request = urllib.request.Request(f"{self.url}api/sessions?token={TOKEN}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            sessions = json.load(answer)
        kernels = [session["kernel"] for session in sessions if session["path"] == notebook]
        return any(k["execution_state"] == "idle" and k["connections"] for k in kernels)

    @property
    def _log(self) -> Path:
        return self.folder / "jupyter.log"

    def _command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "jupyter_server", "--no-browser", *BEHAVIOUR),
            *("--ip=127.0.0.1", "--port=0", f"--IdentityProvider.token={TOKEN}"),
            *(f"--ServerApp.root_dir={self.notebooks}", "--ServerApp.allow_root=True"),
            *(f"--ServerApp.jpserver_extensions={name}=True" for name in EXTENSIONS),
            f"--LabApp.user_settings_dir={self.folder / 'settings'}",
            f"--LabApp.workspaces_dir={self.folder / 'workspaces'}",
        ]

    def _environment(self) -> dict[str, str]:
        """That of the tests, without settings and files of who runs them."""
        foreign = ("JUPYTER", "IPYTHON", "MLQ_", "XDG_")
        mine = {name: str(self.folder / name.lower()) for name in ("HOME", "IPYTHONDIR")}
        for kind in ("CONFIG", "DATA", "RUNTIME"):
            mine[f"JUPYTER_{kind}_DIR"] = str(self.folder / kind.lower())
        kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        return {**kept, **mine, "JUPYTER_NO_CONFIG": "1", **self._settings}

    def _write_settings(self) -> None:
        for name, settings in SETTINGS.items():
            plugin, section = name.split("/")
            path = self.folder / "settings" / "@jupyterlab" / plugin
            path.mkdir(parents=True, exist_ok=True)
            (path / f"{section}.jupyterlab-settings").write_text(json.dumps(settings))

    def _listens(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(self._log.read_text(errors="replace")[-3000:])
        for file in (self.folder / "runtime").glob("jpserver-*.json"):
            try:
                self.url = str(json.loads(file.read_text())["url"])
            except ValueError:
                return False  # it is being written
        return bool(self.url)
