from __future__ import annotations

import os
from typing import TYPE_CHECKING

import mlq
import pytest
from kernel import Kernel
from lab import Lab, binary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_user() -> None:
    for name in [name for name in os.environ if name.startswith("MLQ_") and name != "MLQ_BIN"]:
        del os.environ[name]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One server with a single CPU slot, so that a second job waits."""
    if not binary().exists():
        pytest.fail("no mlq binary: `make build` makes it, MLQ_BIN names another")
    made = Lab(tmp_path_factory.mktemp("lab"), "cpu:1", dev=True)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="module")
def kernel(lab: Lab) -> Iterator[Kernel]:
    """A real kernel for all tests of a file, with mlq and some functions in it."""
    made = Kernel({"MLQ_URL": lab.url})
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def client(lab: Lab) -> Iterator[mlq.Client]:
    """A client beside the kernel."""
    with mlq.Client(lab.url) as made:
        yield made


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Jobs that wait for this file go on when it is there."""
    return tmp_path / "gate"
