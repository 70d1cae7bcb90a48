"""Results over HTTP: tags, parts, and forms that are made as a whole."""

from pathlib import Path

import httpx
import pytest
from tests.fixtures.web_tasks import WebTasks
from tests.unit.web.conftest import client_of

from pagemill.documents.writers import ResultWriters
from pagemill.domain.task.results import result_name
from pagemill.web.web_config import WebConfig

PDF = b"%PDF-1.7 of three pages"


async def send(client: httpx.AsyncClient) -> str:
    response = await client.post("/tasks", files={"file": ("scan.pdf", PDF)})
    task_id = response.json()["task_id"]
    assert isinstance(task_id, str)
    return task_id


async def finish_result(client: httpx.AsyncClient, tasks: WebTasks) -> str:
    """The path of a result that is complete."""
    task_id = await send(client)
    await tasks.finish(task_id)
    return f"/tasks/{task_id}/result"


async def test_the_result_of_a_task_that_is_over_has_a_tag_of_its_own_in_every_form(
    client: httpx.AsyncClient, tasks: WebTasks
) -> None:
    path = await finish_result(client, tasks)
    names = [*ResultWriters(), "pdf", "pdf-inert", "zip"]
    tags = {(await client.get(path, params={"format": name})).headers["etag"] for name in names}
    assert len(tags) == len(names)
    known = (await client.get(path)).headers["etag"]
    same = await client.get(path, headers={"if-none-match": f'"other", {known}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", known)
    assert (await client.get(path, headers={"if-none-match": '"other"'})).status_code == 200


@pytest.mark.parametrize("header", ["if-none-match: ", "if-none-match: *", "range: bytes=0-3", "accept: */*"])
async def test_the_result_of_a_running_task_has_no_tag_and_no_parts(
    client: httpx.AsyncClient, tasks: WebTasks, header: str
) -> None:
    task_id = await send(client)
    await tasks.finish_page(task_id, 1)
    name, value = header.split(": ")
    response = await client.get(f"/tasks/{task_id}/result", headers={name: value})
    assert response.status_code == 200
    assert response.headers["pagemill-complete"] == "false"
    assert not {"etag", "accept-ranges"} & set(response.headers)


@pytest.mark.parametrize("name", ["text", "pdf", "zip"])
async def test_parts_are_sent_of_every_form(client: httpx.AsyncClient, tasks: WebTasks, name: str) -> None:
    path = await finish_result(client, tasks)
    query = {"format": name}
    whole = (await client.get(path, params=query, headers={"range": "bytes=0-"})).content
    part = await client.get(path, params=query, headers={"range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, whole[2:6])
    assert part.headers["content-range"] == f"bytes 2-5/{len(whole)}"
    last = await client.get(path, params=query, headers={"range": "bytes=-3"})
    assert last.content == whole[-3:]
    stale = await client.get(path, params=query, headers={"range": "bytes=2-5", "if-range": '"older"'})
    assert (stale.status_code, stale.content) == (200, whole)
    fresh = await client.get(path, params=query, headers={"range": "bytes=2-5", "if-range": part.headers["etag"]})
    assert (fresh.status_code, fresh.content) == (206, whole[2:6])
    beyond = await client.get(path, params=query, headers={"range": "bytes=9999-"})
    assert beyond.status_code == 416


@pytest.mark.parametrize("name", ["text", "pdf", "zip"])
@pytest.mark.parametrize(
    "asked", ["", "x", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "bytes=1-2,x", "lines=1-2"]
)
async def test_a_range_that_is_none_is_as_if_it_were_not_asked_for(
    client: httpx.AsyncClient, tasks: WebTasks, name: str, asked: str
) -> None:
    path = await finish_result(client, tasks)
    response = await client.get(path, params={"format": name}, headers={"range": asked})
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("name", "media_type", "head"), [("pdf", "application/pdf", b"%PDF of 3"), ("zip", "application/zip", b"PK")]
)
async def test_what_is_made_as_a_whole_waits_for_the_end(
    client: httpx.AsyncClient, tasks: WebTasks, name: str, media_type: str, head: bytes
) -> None:
    task_id = await send(client)
    path = f"/tasks/{task_id}/result"
    await tasks.finish_page(task_id, 1)
    early = await client.get(path, params={"format": name})
    assert (early.status_code, early.json()["code"]) == (409, "result_not_ready")
    assert early.json()["retryable"] is True
    for number in (2, 3):
        await tasks.finish_page(task_id, number)
    response = await client.get(path, headers={"accept": media_type})
    assert (response.status_code, response.headers["content-type"]) == (200, media_type)
    assert response.content.startswith(head)
    assert f'filename="{task_id}.{name}"' in response.headers["content-disposition"]
    assert response.headers["vary"] == "Accept"


@pytest.mark.parametrize("name", ["pdf", "pdf-inert"])
async def test_a_searchable_pdf_is_downloaded_not_shown(client: httpx.AsyncClient, tasks: WebTasks, name: str) -> None:
    path = await finish_result(client, tasks)
    response = await client.get(path, params={"format": name})
    assert response.headers["content-type"] == "application/pdf"
    assert response.headers["content-disposition"].startswith("attachment; ")


async def test_a_result_shown_as_a_page_runs_and_loads_nothing(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    path = await finish_result(client, tasks)
    for name in ("html", "hocr"):
        response = await client.get(path, params={"format": name})
        assert "default-src 'none'" in response.headers["content-security-policy"]


async def test_schemas_are_published(tasks: WebTasks, tmp_path: Path) -> None:
    api = tasks.api(WebConfig(uploads=tmp_path), schemas={"result": '{"type": "object"}'})
    async with client_of(api) as client:
        response = await client.get("/schemas/result.json")
        assert (response.status_code, response.json()) == (200, {"type": "object"})
        assert response.headers["content-type"] == "application/schema+json"
        assert (await client.get("/schemas/other.json")).status_code == 404


@pytest.mark.parametrize(
    ("document", "extension", "name"),
    [
        ("scan.tiff", ".pdf", "scan.pdf"),
        ("scan.pdf", ".txt", "scan.txt"),
        ("scan.pdf", ".pdf", "scan-searchable.pdf"),
        ("Scan.PDF", ".pdf", "Scan-searchable.pdf"),
        ("scan", ".pdf", "scan.pdf"),
        (".pdf", ".pdf", ".pdf.pdf"),
    ],
)
def test_a_result_does_not_bear_the_name_of_its_document(document: str, extension: str, name: str) -> None:
    assert result_name(document, extension) == name
