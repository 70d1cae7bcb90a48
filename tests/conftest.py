"""Makes the fixtures in `tests/fixtures` known to all tests, and lets tests import them as `tests.fixtures`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

pytest_plugins = ["tests.fixtures.postgres", "tests.fixtures.databases", "tests.fixtures.stores"]
