"""The doors that take a document as the body: Open WebUI's external loader, and Tika."""

import asyncio
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI, Request
from tests.fixtures.web_tasks import PAGES, WebTasks

from pagemill.domain.documents import OcrMode
from pagemill.web.compat.tika.headers import ocr_mode
from pagemill.web.web_config import WebConfig

PDF = b"%PDF-1.7\n"
OPEN_WEBUI = ("/compat/openwebui", "")
TIKA = ("/compat/tika", "")
NAME = "Prüfung 1.pdf"


@pytest.fixture
def api(tasks: WebTasks, uploads: Path) -> FastAPI:
    doors = ("openwebui", "tika")
    return tasks.api(WebConfig(uploads=uploads, max_upload_bytes=100_000, root_doors=doors))


async def put(
    client: httpx.AsyncClient, tasks: WebTasks, url: str, *, failed: int = 0, **headers: str
) -> httpx.Response:
    """The answer once the pages were read, but the failed one."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    answering = asyncio.ensure_future(client.put(url, content=PDF, headers=names))
    async with asyncio.timeout(20):
        with tasks.room.watch.watching_all() as change:
            while not (sent := await tasks.list_sent()):
                await change.wait(timedelta(seconds=1))
    for number in range(1, PAGES + 1):
        await tasks.finish_page(sent[0].task_id, number, failure="damaged" if failed in (number, -1) else "")
    return await answering


@pytest.mark.parametrize("base", OPEN_WEBUI)
async def test_open_webui_gets_an_item_for_each_page(client: httpx.AsyncClient, tasks: WebTasks, base: str) -> None:
    answer = await put(client, tasks, f"{base}/process", X_Filename=quote(NAME), failed=2)
    first, second, third = answer.json()
    assert first == {
        "page_content": "words of page 1",
        "metadata": {"source": NAME, "page": 0, "page_label": "1", "total_pages": PAGES},
    }
    assert "was not read" in second["page_content"]
    assert second["metadata"]["unread"] is True
    assert third["metadata"]["page"] == 2


@pytest.mark.parametrize(("url", "key"), [("/compat/openwebui/process", "detail")])
async def test_open_webui_gets_errors_as_json(client: httpx.AsyncClient, tasks: WebTasks, url: str, key: str) -> None:
    refused = await client.put(url, content=b"no document")
    assert (refused.status_code, list(refused.json())) == (415, [key])
    unread = await put(client, tasks, url, failed=-1)
    assert (unread.status_code, list(unread.json())) == (422, [key])


TEXT = "words of page 1\nwords of page 2\nwords of page 3\n"
METADATA = {
    "Content-Type": "application/pdf",
    "resourceName": NAME,
    "Content-Length": str(len(PDF)),
    "xmpTPg:NPages": "3",
    "X-TIKA:Parsed-By": ["pagemill"],
}
DISPOSITION = f"attachment; filename={quote(NAME)}"


@pytest.mark.parametrize("base", TIKA)
@pytest.mark.parametrize(
    ("path", "accept", "media_type", "expected"),
    [
        ("/tika", "*/*", "text/plain; charset=utf-8", TEXT),
        ("/tika", "text/plain", "text/plain; charset=utf-8", TEXT),
        ("/tika", "text/html", "text/html; charset=utf-8", None),
        ("/tika", "text/xml", "text/xml; charset=utf-8", None),
        ("/tika", "application/json", "application/json", {**METADATA, "X-TIKA:content": TEXT}),
        ("/tika/text", "*/*", "application/json", {**METADATA, "X-TIKA:content": TEXT}),
        ("/tika/text", "text/plain", "text/plain; charset=utf-8", TEXT),
        ("/rmeta/text", "application/json", "application/json", [{**METADATA, "X-TIKA:content": TEXT}]),
    ],
    ids=range(8),
)
async def test_tika_gives_text_in_the_form_that_the_client_accepts(
    client: httpx.AsyncClient, tasks: WebTasks, base: str, path: str, accept: str, media_type: str, expected: object
) -> None:
    answer = await put(client, tasks, f"{base}{path}", accept=accept, content_disposition=DISPOSITION)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    if expected is None:
        assert answer.text.startswith("<!DOCTYPE html>")
    else:
        assert (answer.json() if media_type == "application/json" else answer.text) == expected


@pytest.mark.parametrize("base", TIKA)
async def test_tika_describes_a_document_without_reading_it(
    client: httpx.AsyncClient, tasks: WebTasks, uploads: Path, base: str
) -> None:
    headers = {"content-disposition": DISPOSITION}
    told = await client.put(f"{base}/meta", content=PDF, headers={**headers, "accept": "application/json"})
    assert told.json() == METADATA
    table = await client.put(f"{base}/meta", content=PDF, headers=headers)
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert '"xmpTPg:NPages","3"' in table.text.splitlines()
    assert not await tasks.list_sent()
    assert not await asyncio.to_thread(lambda: list(uploads.iterdir()))
    assert "Please PUT" in (await client.get(f"{base}/tika")).text


async def test_tikas_headers_are_understood_and_others_named(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    answer = await put(
        client, tasks, "/tika", X_Tika_OCRLanguage="eng+fra", X_Tika_PDFOcrStrategy="no_ocr", X_Tika_Timeout="1"
    )
    assert answer.headers["pagemill-warning"] == "Options without effect: x-tika-timeout"
    (task,) = await tasks.list_sent()
    assert (task.options.recognition.ocr, task.options.recognition.languages) == (OcrMode.NEVER, ("en", "fr"))


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        ({}, OcrMode.AUTO),
        ({"X_Tika_OCRskipOcr": "true"}, OcrMode.NEVER),
        ({"X_Tika_PDFOcrStrategy": "NO_OCR"}, OcrMode.NEVER),
        ({"X_Tika_PDFOcrStrategy": "AUTO"}, OcrMode.AUTO),
        ({"X_Tika_OCRLanguage": "kli"}, OcrMode.AUTO),
    ],
    ids=range(5),
)
async def test_when_tikas_clients_want_recognition(
    client: httpx.AsyncClient, tasks: WebTasks, given: dict[str, str], mode: OcrMode
) -> None:
    answer = await put(client, tasks, "/tika/text", failed=2, **given)
    (task,) = await tasks.list_sent()
    assert (task.options.recognition.ocr, task.options.recognition.languages) == (mode, ())
    assert ("kli" in answer.headers.get("pagemill-warning", "")) is ("X_Tika_OCRLanguage" in given)
    assert "Page 2 was not read: damaged" in answer.json()["X-TIKA:EXCEPTION:warn"][0]


@pytest.mark.parametrize(
    ("path", "accept", "media_type"),
    [
        ("/tika", "*/*", "text/plain; charset=utf-8"),
        ("/tika/text", "application/json", "application/json"),
        ("/rmeta/text", "application/json", "application/json"),
        ("/meta", "application/json", "application/json"),
    ],
)
async def test_tikas_clients_get_errors_where_they_look_for_them(
    client: httpx.AsyncClient, path: str, accept: str, media_type: str
) -> None:
    answer = await client.put(path, content=b"no document", headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (415, media_type)
    assert "no document" in answer.text


def test_tikas_clients_can_have_every_page_recognised() -> None:
    headers = [(b"x-tika-pdfocrstrategy", b"ocr_only")]
    assert ocr_mode(Request({"type": "http", "headers": headers})) is OcrMode.FORCE
