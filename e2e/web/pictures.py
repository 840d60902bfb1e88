"""Make the pictures of the page in docs/img: `make pictures`. A real server, agent, jobs and Chromium."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import mlq
from chromium import chromium
from desk import Desk
from lab import Lab, until
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


def training(gate: str, epochs: int, stop: int) -> Callable[[], dict[str, Any]]:
    """Train, as far as anybody can see, up to `stop`, and stay there until the gate opens."""

    def train() -> dict[str, Any]:
        losses = []
        for epoch in range(1, epochs + 1):
            losses.append(2.3 * math.exp(-epoch / 25) + 0.04)
            print(f"epoch {epoch:3}/{epochs}  loss {losses[-1]:.4f}  lr 3.0e-04", flush=True)
            mlq.context().update_progress({"done": epoch, "total": epochs})
            if epoch == stop:
                import time

                while not os.path.exists(gate):
                    time.sleep(0.05)
        return {"loss": round(losses[-1], 4), "accuracy": 0.943, "epochs": epochs}

    return train


def failing() -> None:
    """Fail as jobs do."""
    raise FileNotFoundError("no such file: 'train.parquet'")


@contextlib.contextmanager
def full_lab(folder: Path) -> Iterator[tuple[Lab, str, int]]:
    """A lab in the middle of a working day, ana's token, and her running job."""
    write_cards(folder / "cards.yaml", set())
    lab = Lab(folder, f"sim:{folder / 'cards.yaml'}").start()
    gate = str(folder / "gate")
    tokens = {name: lab.token(name) for name in ("ana", "bob", "chen", "dora")}
    people = {name: mlq.Client(lab.url, token) for name, token in tokens.items()}
    try:
        done = people["ana"].submit(training(gate, 40, 0), name="baseline")
        failed = people["ana"].submit(failing, name="bigger batch")
        until("they have ended", lambda: done.done() and failed.done())
        lab.admin("drain", "gpu1:8", "--reason", "fan is loud")
        running = [
            people["ana"].submit(training(gate, 90, 57), name="resnet50 fine-tune", timeout="4h"),
            people["bob"].submit(training(gate, 90, 10), timeout="8h"),
            people["bob"].submit(training(gate, 90, 12), timeout="8h"),
            people["chen"].submit(training(gate, 90, 30), gpus=2, timeout="24h"),
        ]
        until("they run", lambda: all(job.running() for job in running))
        waiting(people, gate)
        write_cards(
            folder / "cards.yaml", {gpu["index"] for gpu in devices(lab) if gpu.get("user")}
        )
        until("they are busy", lambda: any(gpu.get("utilization") == 97 for gpu in devices(lab)))
        yield lab, tokens["ana"], running[0].id
    finally:
        Path(gate).touch()
        for client in people.values():
            client.close()
        lab.stop()


def waiting(people: dict[str, mlq.Client], gate: str) -> None:
    """Jobs that find no room: each wants more devices than are free."""
    for user, count, name in (
        ("dora", 4, "pretrain"),
        ("ana", 2, "sweep, lr 1e-3"),
        ("chen", 4, "eval"),
        ("bob", 8, "full run"),
        ("ana", 2, "sweep, lr 3e-4"),
    ):
        people[user].submit(training(gate, 90, 1), name=name, gpus=count, timeout="6h")


FOREIGN, SICK, CARDS = 6, 7, 9  # the devices that are so, and how many there are


def write_cards(path: Path, busy: set[int]) -> None:
    """Describe H100s to the simulation: some compute, eve has one by hand, one is broken."""
    cards = []
    for i in range(CARDS):
        card: dict[str, Any] = {"name": f"gpu{i}", "model": "H100", "power_limit": 700}
        card |= {"temperature": 31 + i % 3, "power": 68 + i, "utilization": 0}
        if i in busy:
            card |= {"used": f"{52 - 7 * i}GiB", "utilization": 97 - 6 * i}
            card |= {"temperature": 66 - 2 * i, "power": 641 - 40 * i}
        if i == FOREIGN:
            eve = {"pid": 41707, "uid": 1004, "user": "eve", "name": "python3", "memory": "21GiB"}
            card |= {"processes": [eve], "utilization": 34, "temperature": 48, "power": 240}
        if i == SICK:
            card |= {"fault": "lost"}
        cards.append(card)
    driver = {"version": "580.65.06", "cuda": "13.0"}
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps({"driver": driver, "devices": cards}))
    beside.rename(path)


def devices(lab: Lab) -> list[dict[str, Any]]:
    """The devices as an admin sees them."""
    from lab import Person

    admin = Person("admin", lab.admin_token, mlq.Client(lab.url, lab.admin_token))
    with contextlib.closing(admin.client):
        return list(admin.ask("/gpus")["gpus"])


def shoot(browser: Browser, lab: Lab, token: str, view: str, path: Path, **context: Any) -> None:
    """Take one picture of one view."""
    made = browser.new_context(locale="en-GB", timezone_id="Europe/Berlin", **context)
    desk = Desk(made, lab.url).sign_in(token, view)
    expect(desk.page.locator("#link")).to_have_text("live")
    desk.page.wait_for_timeout(1500)  # bars move to their place
    desk.page.screenshot(path=path, animations="disabled")
    desk.complain()
    made.close()
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def main(folder: str) -> None:
    """Write the pictures into the folder."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    data = Path(tempfile.mkdtemp())
    with full_lab(data) as (lab, ana, job), chromium() as browser:
        wide: dict[str, Any] = {"viewport": {"width": 1360, "height": 800}}
        small: dict[str, Any] = {
            "viewport": {"width": 375, "height": 812},
            "device_scale_factor": 2,
        }
        shoot(browser, lab, ana, "", out / "page-light.png", color_scheme="light", **wide)
        shoot(browser, lab, ana, f"jobs/{job}", out / "page-dark.png", color_scheme="dark", **wide)
        shoot(browser, lab, ana, "", out / "page-phone.png", color_scheme="light", **small)
        admin = lab.admin_token
        shoot(browser, lab, admin, "admin", out / "page-admin.png", color_scheme="dark", **wide)
        shoot(browser, lab, admin, "", out / "page-orders.png", color_scheme="light", **wide)
    shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
