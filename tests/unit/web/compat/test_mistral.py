"""The door for clients of Mistral OCR: files, and reading them."""

import asyncio
import base64
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from mistralai.client.models import CreateFileResponse, GetFileResponse, OCRResponse
from tests.fixtures.callers import callers_of
from tests.fixtures.stores import Stores
from tests.fixtures.web_tasks import PAGES, WebTasks

from pagemill.domain.callers import Scope
from pagemill.domain.page.page import Block, BlockKind, Page, PageSource
from pagemill.domain.task.task import TaskStatus
from pagemill.web.compat.mistral.door import _page
from pagemill.web.compat.mistral.request import PageChoice, understand_request
from pagemill.web.problems import RequestRefused
from pagemill.web.web_config import WebConfig

PDF = b"%PDF-1.7\n"
DATA = "data:application/pdf;base64," + base64.b64encode(PDF).decode()
BASES = ("/compat/mistral", "")


@pytest.fixture
def api(tasks: WebTasks, uploads: Path) -> FastAPI:
    return tasks.api(WebConfig(uploads=uploads, max_upload_bytes=100_000, root_doors=("mistral",)))


async def upload(client: httpx.AsyncClient, base: str = "") -> str:
    answer = await client.post(f"{base}/v1/files", files={"file": ("a.pdf", PDF)}, data={"purpose": "ocr"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def read(
    client: httpx.AsyncClient, tasks: WebTasks, document: Mapping[str, object], base: str = "", **others: object
) -> httpx.Response:
    """The answer once all pages were read."""
    body = {"model": "mistral-ocr-latest", "document": document, **others}
    answering = asyncio.ensure_future(client.post(f"{base}/v1/ocr", json=body))
    async with asyncio.timeout(20):
        with tasks.room.watch.watching_all() as change:
            while not answering.done():
                sent = [task for task in await tasks.list_sent() if task.status is TaskStatus.QUEUED]
                for task in sent:
                    for page in await tasks.stores.tasks.pages(task.task_id):
                        await tasks.finish_page(task.task_id, page.number)
                await change.wait(timedelta(seconds=0.1))
    return await answering


@pytest.mark.parametrize("base", BASES)
async def test_a_file_from_upload_to_deletion(client: httpx.AsyncClient, tasks: WebTasks, base: str) -> None:
    answer = await client.post(f"{base}/v1/files", files={"file": ("a.pdf", PDF)}, data={"purpose": "ocr"})
    file = CreateFileResponse.model_validate(answer.json())
    assert (file.filename, file.size_bytes, file.purpose) == ("a.pdf", len(PDF), "ocr")
    (task,) = await tasks.list_sent()
    assert task.status is TaskStatus.CREATED
    told = GetFileResponse.model_validate((await client.get(f"{base}/v1/files/{file.id}")).json())
    assert (told.id, told.deleted) == (file.id, False)
    url = (await client.get(f"{base}/v1/files/{file.id}/url", params={"expiry": "1"})).json()["url"]
    assert url == f"http://localhost{base}/v1/files/{file.id}"
    for document in ({"type": "document_url", "document_url": url}, {"type": "file", "file_id": file.id}):
        read_now = await read(client, tasks, document, base)
        result = OCRResponse.model_validate(read_now.json())
        assert [page.index for page in result.pages] == [0, 1, 2]
        assert result.pages[1].markdown == "words of page 2"
        assert (result.usage_info.pages_processed, result.usage_info.doc_size_bytes) == (PAGES, len(PDF))
    assert len(await tasks.list_sent()) == 1, "a file is read once"
    assert (await client.delete(f"{base}/v1/files/{file.id}")).json() == {
        "id": file.id,
        "object": "file",
        "deleted": True,
    }
    assert (await client.get(f"{base}/v1/files/{file.id}")).status_code == 404
    assert not await tasks.list_sent()


@pytest.mark.parametrize(
    "document",
    [
        {"type": "document_url", "document_url": DATA, "document_name": "b.pdf"},
        {"type": "image_url", "image_url": DATA},
        {"type": "image_url", "image_url": {"url": DATA, "detail": "low"}},
    ],
    ids=range(3),
)
async def test_a_document_in_the_request(
    client: httpx.AsyncClient, tasks: WebTasks, document: Mapping[str, object]
) -> None:
    answer = await read(client, tasks, document, pages="0,2", include_image_base64=True, include_blocks=True)
    result = OCRResponse.model_validate(answer.json())
    assert [page.index for page in result.pages] == [0, 2]
    assert answer.headers["pagemill-warning"] == "Options without effect: include_image_base64"
    (task,) = await tasks.list_sent()
    assert (task.options.pages, task.document.name) == ("1-1,3-3", str(document.get("document_name", "document")))


async def test_some_pages_of_an_uploaded_file(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    document = {"type": "file", "file_id": await upload(client)}
    for pages, expected in (([1], [1]), ([0, 2], [0, 2]), ("0-1", [0, 1]), ([7], [])):
        answer = await read(client, tasks, document, pages=pages)
        assert [page["index"] for page in answer.json()["pages"]] == expected


async def test_a_file_that_could_not_be_read_is_read_again(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    document = {"type": "file", "file_id": await upload(client)}
    answering = asyncio.ensure_future(client.post("/v1/ocr", json={"model": "m", "document": document}))
    await asyncio.wait_for(until_queued(tasks), 20)
    for number in range(1, PAGES + 1):
        await tasks.finish_page(str(document["file_id"]), number, failure="damaged")
    failed = await answering
    assert (failed.status_code, failed.json()["type"]) == (422, "page_unreadable")
    assert (await read(client, tasks, document)).status_code == 200


async def until_queued(tasks: WebTasks) -> None:
    with tasks.room.watch.watching_all() as change:
        while not any(task.status is TaskStatus.QUEUED for task in await tasks.list_sent()):
            await change.wait(timedelta(seconds=0.1))


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({}, 422, "document"),
        (
            {"document": {"type": "document_url", "document_url": "https://example.org/a.pdf"}},
            422,
            "fetches no documents",
        ),
        ({"document": {"type": "document_url", "document_url": "*"}}, 422, "Base64"),
        ({"document": {"type": "file", "file_id": "unknown"}}, 404, "no task"),
        ({"document": {"type": "file", "file_id": "../x"}}, 404, "no such task"),
        ({"document": {"document_url": DATA}, "document_annotation_format": {"type": "json"}}, 422, "annotations"),
        ({"document": {"document_url": DATA}, "pages": "1-0"}, 422, "page numbers"),
        ({"document": {"document_url": DATA}, "pages": [9]}, 422, "page"),
        ({"document": {"document_url": "data:application/pdf;base64,QUJDRA=="}}, 415, "bytes"),
    ],
    ids=range(9),
)
async def test_what_the_door_cannot_do_is_refused_in_its_own_shape(
    client: httpx.AsyncClient, tasks: WebTasks, body: dict[str, object], status: int, word: str
) -> None:
    answer = await client.post("/v1/ocr", json={"model": "m", **body})
    assert (answer.status_code, answer.json()["object"]) == (status, "error"), answer.text
    assert word in answer.json()["message"]
    assert ("detail" in answer.json()) is (status == 422)
    assert not await tasks.list_sent()


async def test_the_files_of_others_are_not_found_and_an_admins_use_is_known(stores: Stores, tmp_path: Path) -> None:
    async with callers_of(stores, tmp_path, root_doors=("mistral",)) as callers:
        owner, stranger = await callers.client("owner"), await callers.client("stranger")
        boss = await callers.client("boss", Scope.ADMIN)
        file_id = await upload(owner)
        documents: list[dict[str, Any]] = [
            {"type": "file", "file_id": file_id},
            {"type": "document_url", "document_url": f"http://localhost/v1/files/{file_id}"},
        ]
        for document in documents:
            refused = await stranger.post("/v1/ocr", json={"model": "m", "document": document})
            assert (refused.status_code, refused.json()["type"]) == (404, "not_found")
        assert not await callers.tasks.audit.read()
        assert (await read(boss, callers.tasks, documents[0])).status_code == 200
        (entry,) = await callers.tasks.audit.read()
        assert (entry.use.action, entry.use.owner) == ("POST /compat/mistral/v1/ocr", "owner")


@pytest.mark.parametrize(
    ("given", "text", "pages"),
    [
        (None, "", {1, 2, 3, 4, 5}),
        ([0], "1-1", {1}),
        ([3, 1], "4-4,2-2", {2, 4}),
        ("0-2, 4", "1-3,5-5", {1, 2, 3, 5}),
    ],
)
def test_pages_are_counted_from_0(given: object, text: str, pages: set[int]) -> None:
    choice = understand_request({"document": {}, "pages": given}).pages
    assert choice.text == text
    assert {number for number in range(1, 6) if choice.has(number)} == pages
    assert PageChoice().has(1)


@pytest.mark.parametrize("given", [[], "", "a", [-1], ["1", "x"], {}, 3, "0-", [1.5]])
def test_pages_that_are_none_are_refused(given: object) -> None:
    with pytest.raises(RequestRefused):
        understand_request({"document": {}, "pages": given})


def test_figures_have_places() -> None:
    figure = Block(polygon=((1.0, 2.0), (30.4, 2.0), (30.4, 40.6)), kind=BlockKind.FIGURE)
    page = Page(number=2, width_px=100, height_px=200, dpi=None, source=PageSource.OCR, blocks=(figure, figure))
    told = OCRResponse.model_validate(
        {"pages": [_page(2, "text", page), _page(3, "note", None)], "model": "m", "usage_info": {"pages_processed": 1}}
    )
    first, second = told.pages
    assert [(image.id, image.bottom_right_y) for image in first.images] == [("img-0.jpeg", 41), ("img-1.jpeg", 41)]
    assert first.dimensions is not None
    assert (first.dimensions.width, first.dimensions.height) == (100, 200)
    assert (second.markdown, second.dimensions) == ("note", None)
