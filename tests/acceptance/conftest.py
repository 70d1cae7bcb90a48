"""One server with the real engine for all of these tests; each brings documents of its own."""

from collections.abc import Iterator

import pytest
from tests.fixtures.server import Api, Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"SERVER__MAX_UPLOAD_MB": "1", "DOCUMENTS__MAX_PAGES": "40"}
    with Server(tmp_path_factory.mktemp("served") / "data", settings=settings) as running:
        yield running


@pytest.fixture
def api(server: Server) -> Api:
    return server.api
