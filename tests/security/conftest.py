from pathlib import Path

import pytest
from tests.fixtures.stores import Stores
from tests.fixtures.web_tasks import WebTasks


@pytest.fixture
def backend() -> str:
    """One database is enough for what is settled before it."""
    return "sqlite"


@pytest.fixture
def tasks(stores: Stores, tmp_path: Path) -> WebTasks:
    return WebTasks(stores, tmp_path)
