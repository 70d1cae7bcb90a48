"""The dashboard's files, and what it asks for."""

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from tests.fixtures.web_tasks import WebTasks
from tests.unit.web.conftest import MakeApi, client_of

from pagemill.web.dashboard_routes import FILES
from pagemill.web.web_config import WebConfig

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PDF = b"%PDF-1.7\n"


@pytest.fixture
def locked(make_api: MakeApi, uploads: Path) -> FastAPI:
    return make_api(WebConfig(uploads=uploads, api_keys=("secret",)))


async def test_browsers_get_the_page_and_programs_the_description(client: httpx.AsyncClient) -> None:
    page, described = await client.get("/", headers=BROWSER), await client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert described.json()["service"] == "pagemill"
    assert page.headers["vary"] == described.headers["vary"] == "Accept"


async def test_nothing_on_the_page_may_run_but_its_own_files(client: httpx.AsyncClient) -> None:
    page = await client.get("/", headers=BROWSER)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "style=" not in page.text
    assert re.findall(r"<script(?![^>]*src=)", page.text) == []


async def test_the_pages_files_are_kept_for_good_under_the_name_of_their_content(client: httpx.AsyncClient) -> None:
    page = await client.get("/", headers=BROWSER)
    paths = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert {path.rpartition("/")[2] for path in paths} >= {"app.js", "base.css", "icon.svg"}
    for path in paths:
        file = await client.get(path)
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"]
        again = await client.get(path, headers={"if-none-match": file.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


async def test_files_of_another_version_are_gone(client: httpx.AsyncClient) -> None:
    assert (await client.get("/dashboard/0123456789abcdef/app.js")).status_code == 404


async def test_no_other_file_can_be_had(client: httpx.AsyncClient) -> None:
    page = await client.get("/", headers=BROWSER)
    base = re.findall(r'href="(/dashboard/[^/]+)/', page.text)[0]
    for name in ("..%2Fapi.py", "%2e%2e/api.py", "index", ""):
        assert (await client.get(f"{base}/{name}")).status_code == 404


async def test_the_page_is_shown_before_a_key_is_known_and_nothing_else(locked: FastAPI) -> None:
    async with client_of(locked) as client:
        page = await client.get("/", headers=BROWSER)
        script = re.findall(r'src="([^"]+app\.js)"', page.text)[0]
        assert page.status_code == (await client.get(script)).status_code == 200
        for path in ("/", "/setup", "/status", "/tasks", "/tasks/a/pages/1"):
            assert (await client.get(path)).status_code == 401
        assert (await client.get("/tasks", headers=BROWSER)).status_code == 401


@pytest.mark.parametrize("file", sorted(FILES.glob("*.js")), ids=lambda file: str(file.name))
def test_what_is_shown_never_becomes_markup(file: Path) -> None:
    """The policy stops scripts; this stops text from being read as markup at all."""
    code = file.read_text()
    for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser"):
        assert danger not in code
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", code)
    assert len(code.splitlines()) <= 400


async def test_a_page_and_its_picture_are_not_sent_twice(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    task_id = (await client.post("/tasks", files={"file": PDF})).json()["task_id"]
    await tasks.finish_page(task_id, 1)
    for path in (f"/tasks/{task_id}/pages/1", f"/tasks/{task_id}/pages/1/image"):
        first = await client.get(path)
        again = await client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


async def test_a_page_that_was_not_read_is_not_there(client: httpx.AsyncClient) -> None:
    task_id = (await client.post("/tasks", files={"file": PDF})).json()["task_id"]
    assert (await client.get(f"/tasks/{task_id}/pages/1")).json()["code"] == "not_found"
    for number in ("0", "-1", "x", "1e9"):
        assert (await client.get(f"/tasks/{task_id}/pages/{number}")).status_code == 422
