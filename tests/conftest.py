"""Makes the fixtures in `tests/fixtures` known to all tests, and lets tests import them as `tests.fixtures`."""

import gc
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parents[1]))

settings.register_profile("thorough", max_examples=5000)
"""`pytest --hypothesis-profile=thorough tests/properties`: fifty times what is usual; takes an hour."""

pytest_plugins = [
    "tests.fixtures.postgres",
    "tests.fixtures.databases",
    "tests.fixtures.stores",
    "tests.fixtures.batch_site",
    "tests.fixtures.webhooks",
]


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command line run in this process sets up logging for it; the next test is not to feel that."""
    root = logging.getLogger()
    level, levels = root.level, {name: logging.getLogger(name).level for name in list(root.manager.loggerDict)}
    yield
    root.setLevel(level)
    for name in list(root.manager.loggerDict):
        logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))
        logging.getLogger(name).filters.clear()


@pytest.fixture(autouse=True, scope="module")
def _complaints_by_module() -> Iterator[None]:
    """What a module leaves open is complained of at its own end, not in a later test that happens to collect it."""
    yield
    gc.collect()
