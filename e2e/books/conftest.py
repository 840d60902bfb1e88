from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from servers import Servers

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_user() -> None:
    for name in [name for name in os.environ if name.startswith("MLQ_") and name != "MLQ_BIN"]:
        del os.environ[name]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Redis, a server and an agent with two CPU slots."""
    made = Servers(tmp_path_factory.mktemp("servers"))
    try:
        yield made.start()
    finally:
        made.stop()
