from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from tests.fixtures.stores import Stores
from tests.fixtures.web_tasks import WebTasks

from pagemill.web.web_config import WebConfig

MakeApi = Callable[[WebConfig], FastAPI]


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


@pytest.fixture
def tasks(stores: Stores, tmp_path: Path) -> WebTasks:
    return WebTasks(stores, tmp_path)


@pytest.fixture
def make_api(tasks: WebTasks) -> MakeApi:
    return tasks.api


@pytest.fixture
def api(make_api: MakeApi, uploads: Path) -> FastAPI:
    return make_api(WebConfig(uploads=uploads, max_upload_bytes=100_000, max_concurrent_uploads=2))


@pytest.fixture
async def client(api: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api) as client:
        yield client


def client_of(api: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://localhost")
