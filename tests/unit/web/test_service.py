"""The endpoints that are about no task."""

from pathlib import Path

import httpx
from tests.fixtures.web_tasks import WebTasks
from tests.unit.web.conftest import client_of

from pagemill.web.web_config import WebConfig


async def test_the_service_says_what_there_is(client: httpx.AsyncClient) -> None:
    described = (await client.get("/")).json()
    assert described["service"] == "pagemill"
    for path in described["links"].values():
        assert (await client.get(path)).status_code == 200


async def test_it_is_ready_when_every_part_is(tasks: WebTasks, tmp_path: Path) -> None:
    broken = True

    async def database() -> None:
        if broken:
            raise ConnectionError("10.0.0.7:5432 refused")

    async def fine() -> None:
        return

    api = tasks.api(WebConfig(uploads=tmp_path), checks={"workers": fine, "database": database})
    async with client_of(api) as client:
        assert (await client.get("/livez")).json() == {"status": "alive"}
        refused = await client.get("/readyz")
        assert refused.status_code == 503
        assert refused.json()["details"] == {"part": "database"}
        assert "10.0.0.7" not in refused.text
        broken = False
        assert (await client.get("/readyz")).json() == {"status": "ready"}
