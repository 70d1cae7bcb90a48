"""Who is let in, and what a web page in somebody's browser cannot do."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from tests.fixtures.asgi import AsgiRequest
from tests.fixtures.web_tasks import WebTasks
from tests.unit.web.conftest import MakeApi, client_of

from pagemill.web.web_config import WebConfig

PDF = b"%PDF-1.7\n"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://localhost"},
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:3000"},
        {"origin": "http://localhost.evil.example"},
        {"origin": "null"},
        {"origin": ""},
    ],
)
async def test_another_sites_form_cannot_change_anything(
    client: httpx.AsyncClient, tasks: WebTasks, headers: dict[str, str]
) -> None:
    for response in (
        await client.post("/tasks", files={"file": PDF}, headers=headers),
        await client.post("/tasks/task-0001/cancel", headers=headers),
        await client.delete("/tasks/task-0001", headers=headers),
    ):
        assert response.status_code == 403
        assert response.json()["code"] == "cross_site_request"
    assert tasks.inspector.seen == []
    assert (await client.get("/tasks", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin", "origin": "https://behind.a.proxy"},
        {"sec-fetch-site": "none"},
        {"origin": "http://localhost"},
        {"origin": "http://LOCALHOST"},
    ],
)
async def test_programs_and_the_services_own_pages_may(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await client.post("/tasks", files={"file": PDF}, headers=headers)).status_code == 202


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("192.168.1.5", 200),
        ("LOCALHOST", 200),
        ("no-such-machine:8000", 421),
        ("", 421),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:8000", 421),
        ("localhost.evil.example", 421),
        ("ocr.example.org", 421),
        ("[bad", 421),
    ],
)
async def test_a_name_of_somebody_else_that_points_here_is_refused(
    client: httpx.AsyncClient, host: str, status: int
) -> None:
    response = await client.get("/tasks", headers={"host": host})
    assert response.status_code == status
    assert (await client.get("/livez", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("allowed", ["ocr.example.org", "OCR.example.ORG", "*"])
async def test_names_can_be_allowed(make_api: MakeApi, tmp_path: Path, allowed: str) -> None:
    async with client_of(make_api(WebConfig(uploads=tmp_path, allowed_hosts=(allowed,)))) as client:
        assert (await client.get("/tasks", headers={"host": "ocr.example.org:8443"})).status_code == 200


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer second-key", 200),
        ("bearer first-key", 200),
        (None, 401),
        ("", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Bearer first-key2", 401),
        ("Bearer first-ke", 401),
        ("Basic first-key", 401),
        ("first-key", 401),
        ("Bearer f\u00efrst-key", 401),
    ],
)
async def test_keys_let_in_those_who_have_one(
    make_api: MakeApi, tmp_path: Path, authorization: str | None, status: int
) -> None:
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    config = WebConfig(uploads=tmp_path, api_keys=("first-key", "second-key"))
    async with client_of(make_api(config)) as client:
        for path in ("/tasks", "/openapi.json", "/"):
            response = await client.get(path, headers=headers)
            assert response.status_code == status
        if status == 401:
            assert response.headers["www-authenticate"].startswith("Bearer")
            assert response.json()["code"] == "unauthorized"
        for probe in ("/livez", "/readyz"):
            assert (await client.get(probe)).status_code == 200


async def test_an_upload_without_a_key_is_refused_unread(make_api: MakeApi, tmp_path: Path, tasks: WebTasks) -> None:
    async with client_of(make_api(WebConfig(uploads=tmp_path / "uploads", api_keys=("key",)))) as client:
        assert (await client.post("/tasks", files={"file": PDF})).status_code == 401
    assert tasks.inspector.seen == []
    assert not (tmp_path / "uploads").exists()


@pytest.mark.parametrize(
    ("headers", "status"),
    [([("transfer-encoding", "chunked")], 411), ([("content-length", "99999999999")], 413)],
)
async def test_only_uploads_may_be_long(api: FastAPI, headers: list[tuple[str, str]], status: int) -> None:
    request = AsgiRequest(api, "POST", "/tasks/task-0001/start", [("content-type", "application/json"), *headers])
    await request.end()
    assert request.status == status
    assert not request.was_read


async def test_probes_are_open_below_another_path_too(make_api: MakeApi, tmp_path: Path) -> None:
    api = make_api(WebConfig(uploads=tmp_path, api_keys=("key",)))
    mounted = httpx.ASGITransport(api, root_path="/ocr")
    async with httpx.AsyncClient(transport=mounted, base_url="http://localhost") as client:
        assert (await client.get("/ocr/livez")).status_code == 200
        assert (await client.get("/ocr/tasks")).status_code == 401


async def test_every_answer_has_the_security_headers(client: httpx.AsyncClient) -> None:
    for response in (
        await client.get("/"),
        await client.get("/nowhere"),
        await client.get("/tasks", headers={"host": "evil.example"}),
        await client.post("/tasks", files={"file": PDF}),
    ):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-request-id"]
        assert "access-control-allow-origin" not in response.headers
