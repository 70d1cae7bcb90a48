"""Odd values of every option of every door: each is refused or ignored, and no document is left without a task."""

import base64
import itertools
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from tests.fixtures.web_tasks import WebTasks

from pagemill.web.web_config import WebConfig

PDF = b"%PDF-1.7\n"
BASE64 = base64.b64encode(PDF).decode()
ODD: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    2**70,
    0.5,
    "",
    "\0",
    "\ud800",
    "x",
    "é\u202e",
    "1-",
    "-1",
    "9" * 400,
    "1," * 9_000 + "1",
    [],
    [0] * 5_000,
    [0] * 20_000,
    [[]],
    [None],
    {},
    {"a": {"b": []}},
)
DOCLING = [
    *("to_formats", "page_range", "do_ocr", "force_ocr", "ocr_lang", "do_table_structure", "do_chunking", "other"),
    *("md_page_break_placeholder", "return_as_file", "image_export_mode", "from_formats", "target_type"),
]
MISTRAL = ["pages", "document_annotation_format", "include_image_base64", "image_limit", "model", "id", "other"]
AZURE = ["pages", "locale", "stringIndexType", "outputContentFormat", "output", "features", "api-version", "other"]
TIKA = [f"X-Tika-{name}" for name in ("OCRLanguage", "OCRskipOcr", "PDFOcrStrategy", "Other")]
TIKA += ["Content-Disposition", "Accept"]

Request = tuple[str, str, Mapping[str, object]]


def texts() -> Iterator[str]:
    """The odd values that a URL or a header can hold."""
    yield from (text.encode(errors="ignore").decode() for text in ODD if isinstance(text, str))


def json_requests() -> Iterator[Request]:
    source = {"kind": "file", "base64_string": BASE64, "filename": "a.pdf"}
    for name, value in itertools.product(DOCLING, ODD):
        body = {"sources": [source], "options": {name: value}}
        yield "POST", "/compat/docling/v1/convert/source/async", {"content": body}
    for name, value in itertools.product(("kind", "filename", "other"), ODD):
        yield "POST", "/compat/docling/v1/convert/source/async", {"content": {"sources": [{**source, name: value}]}}
    for name, value in itertools.product(("sources", "options", "target"), ODD):
        yield "POST", "/compat/docling/v1/convert/source/async", {"content": {"sources": [source], name: value}}
    document = {"type": "document_url", "document_url": f"data:application/pdf;base64,{BASE64}"}
    for name, value in itertools.product(MISTRAL, ODD):
        yield "POST", "/compat/mistral/v1/ocr", {"content": {"document": document, name: value}}
    for name, value in itertools.product(("document_name", "type", "file_id", "image_url", "other"), ODD):
        yield "POST", "/compat/mistral/v1/ocr", {"content": {"document": {**document, name: value}}}
    for value in ODD:
        yield "POST", "/compat/mistral/v1/ocr", {"content": {"document": value}}
        yield "POST", "/compat/mistral/v1/ocr", {"content": {"document": {"file_id": value}}}


def other_requests() -> Iterator[Request]:
    for name, value in itertools.product(DOCLING, texts()):
        yield (
            "POST",
            "/compat/docling/v1/convert/file/async",
            {"files": {"files": ("a.pdf", PDF)}, "data": {name: value}},
        )
    for value in texts():
        yield "POST", "/compat/docling/v1/convert/file/async", {"files": {"files": (value or "a", PDF)}}
        yield (
            "POST",
            "/compat/mistral/v1/files",
            {"files": {"file": (value or "a", PDF)}, "data": {value or "a": value}},
        )
        yield "PUT", "/compat/openwebui/process", {"content": PDF, "headers": {"X-Filename": quote(value)[:1000]}}
    for name, value in itertools.product(AZURE, texts()):
        path = "/compat/azure/documentintelligence/documentModels/prebuilt-read:analyze"
        yield "POST", path, {"content": PDF, "params": {name: value}}
    for path, name, value in itertools.product(("tika", "meta", "rmeta/text"), TIKA, texts()):
        yield "PUT", f"/compat/tika/{path}", {"content": PDF, "headers": {name: quote(value)[:1000]}}


@pytest.fixture
async def client(tasks: WebTasks, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    tasks.room.watch.close()  # nobody waits for the end
    api = tasks.api(WebConfig(uploads=tmp_path / "uploads", max_upload_bytes=100_000))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://localhost") as client:
        yield client


@pytest.mark.timeout(600)
@pytest.mark.parametrize("requests", [json_requests, other_requests])
async def test_no_odd_value_is_our_fault_or_leaves_a_document(
    client: httpx.AsyncClient, tasks: WebTasks, tmp_path: Path, requests: type
) -> None:
    for method, path, given in requests():
        kwargs = dict(given)
        if isinstance(kwargs.get("content"), dict):
            kwargs |= {"content": json.dumps(kwargs["content"]), "headers": {"content-type": "application/json"}}
        answer = await client.request(method, path, **kwargs)
        assert answer.status_code in {200, 202, 400, 404, 413, 415, 422, 429, 503}, (path, given, answer.text[:300])
        assert "on our side" not in answer.text
        for task in await tasks.list_sent():
            if not task.status.is_final:
                await client.delete(f"/tasks/{task.task_id}")
            await client.delete(f"/tasks/{task.task_id}")
        left = [*(tmp_path / "uploads").glob("*")]
        assert not left, (path, given, answer.status_code)
