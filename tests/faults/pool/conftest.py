from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fixtures.pool import WorkerMaker, make_document


@pytest.fixture(scope="session")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_document(tmp_path_factory.mktemp("documents") / "five-pages.pdf")


@pytest.fixture
async def workers() -> AsyncIterator[WorkerMaker]:
    maker = WorkerMaker()
    yield maker
    await maker.stop()
