"""The door for clients of docling-serve: options, waiting, results and errors."""

import asyncio
import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from docling_core.types.doc.document import DoclingDocument
from docling_core.types.doc.labels import DocItemLabel
from fastapi import FastAPI
from tests.fixtures.asgi import AsgiRequest
from tests.fixtures.web_tasks import PAGES, WebTasks

from pagemill.domain.documents import DocumentKind, OcrMode
from pagemill.domain.errors import DocumentTooLarge, PoolExhausted
from pagemill.domain.page.page import Block, BlockKind, Line, Page, PageSource, Table, TableCell
from pagemill.domain.task.task import StoredDocument, TaskStatus
from pagemill.web.compat.docling.document import LISTS, DoclingWriter, document_head, list_frame
from pagemill.web.compat.docling.options import ConvertOptions, form_options, source_options
from pagemill.web.problems import RequestRefused
from pagemill.web.receiving import MEDIA_TYPES
from pagemill.web.web_config import WebConfig

PDF = b"%PDF-1.7\n"
DOOR = "/compat/docling"
BASES = (DOOR, "")


@pytest.fixture
def api(tasks: WebTasks, uploads: Path) -> FastAPI:
    return tasks.api(WebConfig(uploads=uploads, max_upload_bytes=100_000, root_doors=("docling",), has_structure=True))


def source(data: bytes = PDF, **options: object) -> dict[str, object]:
    encoded = base64.b64encode(data).decode()
    return {"sources": [{"kind": "file", "base64_string": encoded, "filename": "a.pdf"}], "options": options}


async def until_sent(tasks: WebTasks) -> str:
    """The id of the only task, once it is there."""
    async with asyncio.timeout(20):
        with tasks.room.watch.watching_all() as change:
            while not (sent := await tasks.list_sent()):
                await change.wait(timedelta(seconds=1))
    return sent[0].task_id


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("kind", ["file", "source"])
async def test_a_document_is_converted_while_the_client_waits(
    client: httpx.AsyncClient, tasks: WebTasks, base: str, kind: str
) -> None:
    formats = ["md", "json", "html", "text"]
    if kind == "file":
        call = client.post(f"{base}/v1/convert/file", files={"files": ("a.pdf", PDF)}, data={"to_formats": formats})
    else:
        call = client.post(f"{base}/v1/convert/source", json=source(to_formats=formats))
    answering = asyncio.ensure_future(call)
    await tasks.finish(await until_sent(tasks))
    answer = await answering
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["status"], told["errors"], told["document"]["filename"]) == ("success", [], "a.pdf")
    assert told["document"]["md_content"].startswith("words of page 1")
    assert "page 3" in told["document"]["text_content"]
    assert told["document"]["html_content"].startswith("<!DOCTYPE html>")
    document = DoclingDocument.model_validate(told["document"]["json_content"])
    assert [text.text for text in document.texts] == [f"words of page {number}" for number in range(1, PAGES + 1)]
    assert sorted(document.pages) == [1, 2, 3]
    assert "Pagemill-Warning" not in answer.headers


@pytest.mark.parametrize("base", BASES)
async def test_only_the_requested_formats_are_in_the_answer(
    client: httpx.AsyncClient, tasks: WebTasks, base: str
) -> None:
    sent = await client.post(f"{base}/v1/convert/source/async", json=source())
    task_id = sent.json()["task_id"]
    missing = await client.get(f"{base}/v1/result/{task_id}")
    assert (missing.status_code, list(missing.json())) == (404, ["detail"])
    assert (await client.get(f"{base}/v1/status/poll/{task_id}")).json()["task_status"] == "pending"
    await tasks.finish(task_id)
    status = (await client.get(f"{base}/v1/status/poll/{task_id}", params={"wait": "5"})).json()
    assert (status["task_status"], status["task_meta"]["num_succeeded"]) == ("success", 1)
    document = (await client.get(f"{base}/v1/result/{task_id}")).json()["document"]
    assert [name for name, value in document.items() if value is not None] == ["filename", "md_content"]


async def test_a_page_that_was_not_read_is_named(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    sent = await client.post(f"{DOOR}/v1/convert/source/async", json=source(to_formats=["json"]))
    task_id = sent.json()["task_id"]
    await tasks.finish_page(task_id, 1)
    await tasks.finish_page(task_id, 2, failure="damaged")
    await tasks.finish_page(task_id, 3)
    told = (await client.get(f"{DOOR}/v1/result/{task_id}")).json()
    assert told["status"] == "partial_success"
    (error,) = told["errors"]
    assert "Page 2 was not read: damaged" in error["error_message"]
    assert sorted(DoclingDocument.model_validate(told["document"]["json_content"]).pages) == [1, 3]


async def test_a_document_without_a_readable_page_is_an_error(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    answering = asyncio.ensure_future(client.post(f"{DOOR}/v1/convert/source", json=source()))
    task_id = await until_sent(tasks)
    for number in range(1, PAGES + 1):
        await tasks.finish_page(task_id, number, failure="damaged")
    answer = await answering
    assert (answer.status_code, list(answer.json())) == (422, ["detail"])
    assert (await client.get(f"{DOOR}/v1/status/poll/{task_id}")).json()["task_status"] == "failure"
    assert (await client.get(f"{DOOR}/v1/result/{task_id}")).status_code == 422


@pytest.mark.parametrize("reads_first", [False, True])
async def test_a_client_that_goes_away_cancels_its_task(api: FastAPI, tasks: WebTasks, reads_first: bool) -> None:
    body = json.dumps(source()).encode()
    headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
    request = AsgiRequest(api, "POST", f"{DOOR}/v1/convert/source", headers)
    request.body(body, more=False)
    task_id = await until_sent(tasks)
    if reads_first:
        await tasks.finish_page(task_id, 1)
    request.disconnect()
    await request.end()
    assert request.status is None
    task = await tasks.stores.tasks.get(task_id)
    assert task.status is (TaskStatus.CANCELLING if reads_first else TaskStatus.CANCELLED)


async def test_a_service_that_stops_says_so_and_cancels_the_task(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    answering = asyncio.ensure_future(client.post(f"{DOOR}/v1/convert/source", json=source()))
    task_id = await until_sent(tasks)
    tasks.room.watch.close()
    answer = await answering
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (await tasks.stores.tasks.get(task_id)).status is TaskStatus.CANCELLED


@pytest.mark.parametrize("error", [DocumentTooLarge("Too large."), PoolExhausted("No reader.")])
async def test_a_refused_document_leaves_nothing(
    client: httpx.AsyncClient, tasks: WebTasks, uploads: Path, error: Exception
) -> None:
    tasks.inspector.refuse_with = error
    answer = await client.post(f"{DOOR}/v1/convert/source", json=source())
    assert answer.is_error
    assert list(answer.json()) == ["detail"]
    assert not files_in(uploads)


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({}, 422, "sources"),
        ({"sources": []}, 422, "one source"),
        ({"sources": [source()["sources"], source()["sources"]]}, 422, "one document"),
        ({"sources": [{"kind": "http", "url": "http://127.0.0.1/a.pdf"}]}, 422, "fetches no documents"),
        ({"sources": [{"kind": "file", "filename": "a.pdf"}]}, 422, "base64_string"),
        (source(do_chunking=True), 422, "chunks"),
        (source(to_formats=["doctags"]), 422, "doctags"),
        (source() | {"target": {"kind": "zip"}}, 422, "inbody"),
        (source(page_range=[0, 3]), 422, "page_range"),
        (source(force_ocr="perhaps"), 422, "force_ocr"),
        (source(page_range=[7, 9]), 422, "page"),
        (source(b""), 422, "empty"),
        (source(b"no document"), 415, "bytes"),
        (source(b"%PDF" + bytes(100_000)), 413, "bytes"),
    ],
    ids=range(14),
)
async def test_what_the_door_cannot_do_is_refused_in_its_own_shape(
    client: httpx.AsyncClient, tasks: WebTasks, uploads: Path, body: dict[str, object], status: int, word: str
) -> None:
    answer = await client.post(f"{DOOR}/v1/convert/source", json=body)
    assert (answer.status_code, list(answer.json())) == (status, ["detail"]), answer.text
    assert word in answer.json()["detail"]
    assert not await tasks.list_sent()
    assert not files_in(uploads)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ConvertOptions()),
        ({"to_formats": ["text", "json"]}, ConvertOptions(formats=("text", "json"))),
        ({"to_formats": ["md,json"]}, ConvertOptions(formats=("md", "json"))),
        ({"page_range": ["2", "3"]}, ConvertOptions(pages="2-3")),
        ({"page_range": ["2", str(2**63 - 1)]}, ConvertOptions(pages="2-")),
        ({"do_ocr": ["false"]}, ConvertOptions(ocr=OcrMode.NEVER)),
        ({"force_ocr": ["True"]}, ConvertOptions(ocr=OcrMode.FORCE)),
        ({"force_ocr": ["1"], "do_ocr": ["0"]}, ConvertOptions(ocr=OcrMode.NEVER)),
        ({"ocr_lang": ["en", "de"]}, ConvertOptions(languages=("en", "de"))),
        ({"do_table_structure": ["false"]}, ConvertOptions(structure=False)),
        ({"md_page_break_placeholder": ["<!-- break -->"]}, ConvertOptions(page_break="<!-- break -->")),
        ({"image_export_mode": ["placeholder"], "from_formats": ["pdf"]}, ConvertOptions()),
        ({"image_export_mode": ["embedded"]}, ConvertOptions(ignored=("image_export_mode",))),
        ({"ocr_engine": ["easyocr"], "pipeline": ["vlm"]}, ConvertOptions(ignored=("ocr_engine", "pipeline"))),
        ({"ocr_engine": [""]}, ConvertOptions()),
    ],
    ids=range(15),
)
def test_options_mean_the_same_in_a_form_and_in_json(fields: Mapping[str, list[str]], expected: ConvertOptions) -> None:
    assert form_options(fields) == expected
    body = {"sources": [{"base64_string": ""}], "options": dict(fields)}
    assert source_options(body) == expected


@pytest.mark.parametrize("options", ["x", 7, ["md"]])
def test_options_that_are_no_object_are_refused(options: object) -> None:
    with pytest.raises(RequestRefused):
        source_options({"sources": [{"base64_string": ""}], "options": options})


async def test_options_without_effect_are_named(client: httpx.AsyncClient) -> None:
    options: dict[str, object] = {"ocr_engine": "easyocr", "ocr_lang": ["klingon"], "b\nad\u00fc": 1}
    answer = await client.post(f"{DOOR}/v1/convert/source/async", json=source(PDF, **options))
    assert answer.headers["Pagemill-Warning"] == "Options without effect: b?ad?, ocr_engine, ocr_lang=klingon"


BOX = ((10.0, 20.0), (110.0, 20.0), (110.0, 60.0), (10.0, 60.0))


def block(kind: BlockKind, *lines: str, table: Table | None = None) -> Block:
    return Block(polygon=BOX, kind=kind, lines=tuple(Line(text=line, polygon=BOX) for line in lines), table=table)


def write_document(*pages: Page, kind: DocumentKind = DocumentKind.PDF) -> Any:
    document = StoredDocument("/nowhere", 'a "b".tar.pdf', 1, "f" * 64)
    parts = [document_head(document, kind)]
    for name in LISTS:
        writer = DoclingWriter(name)
        before, after = list_frame(name)
        parts += [before, *(writer.page(page).decode() for page in pages), after]
    return json.loads("".join([*parts, "}"]))


def page(number: int, *blocks: Block, dpi: float | None = 144.0) -> Page:
    return Page(number=number, width_px=200, height_px=400, dpi=dpi, source=PageSource.OCR, blocks=blocks)


@pytest.mark.parametrize("kind", DocumentKind)
def test_docling_accepts_every_kind_of_document_and_block(kind: DocumentKind) -> None:
    table = Table(
        rows=2,
        columns=2,
        cells=(
            TableCell(row=0, column=0, column_span=2, lines=(0,), text="head"),
            TableCell(row=1, column=1, lines=(1,), text="cell"),
        ),
    )
    blocks = [block(each, f"first {each}", f"second {each}") for each in BlockKind]
    made = write_document(
        page(1, *blocks, block(BlockKind.TABLE, "head", "cell", table=table), block(BlockKind.FIGURE)),
        page(7, block(BlockKind.LIST, "- a"), block(BlockKind.LIST, "- b"), block(BlockKind.TEXT), *blocks, dpi=None),
        kind=kind,
    )
    document = DoclingDocument.model_validate(made)
    assert document.name == 'a "b".tar'
    assert document.origin is None or document.origin.mimetype == MEDIA_TYPES[kind]
    assert [text.label for text in document.texts].count(DocItemLabel.LIST_ITEM) == 4
    markdown = document.export_to_markdown()
    for kind_of_block in BlockKind:
        is_furniture = kind_of_block in (BlockKind.HEADER, BlockKind.FOOTER, BlockKind.PAGE_NUMBER)
        assert (f"first {kind_of_block}".replace("_", r"\_") in markdown) is not is_furniture, kind_of_block
    (read,) = document.tables
    assert (read.data.num_rows, read.data.num_cols) == (2, 2)
    assert [[cell.text for cell in row] for row in read.data.grid] == [["head", "head"], ["", "cell"]]
    assert len(document.pictures) == 3


def test_boxes_are_points_from_the_bottom_left() -> None:
    made = write_document(page(1, block(BlockKind.TEXT, "a")), page(2, block(BlockKind.TEXT, "b"), dpi=None))
    half, full = (text["prov"][0]["bbox"] for text in made["texts"])
    assert half == {"l": 5.0, "t": 190.0, "r": 55.0, "b": 170.0, "coord_origin": "BOTTOMLEFT"}
    assert full == {"l": 10.0, "t": 380.0, "r": 110.0, "b": 340.0, "coord_origin": "BOTTOMLEFT"}
    assert made["pages"]["1"]["size"] == {"width": 100.0, "height": 200.0}
    assert made["pages"]["2"]["size"] == {"width": 200.0, "height": 400.0}


def test_every_reference_leads_somewhere_and_every_node_is_reached_once() -> None:
    blocks = [block(each, f"{each}") for each in (*BlockKind, *BlockKind)]
    made = write_document(page(1, *blocks), page(2), page(3, *reversed(blocks)))
    nodes = {node["self_ref"]: node for name in ("groups", "texts", "pictures", "tables") for node in made[name]}
    reached: list[str] = []

    def walk(node: Mapping[str, Any], ref: str) -> None:
        for child in node["children"]:
            reached.append(child["$ref"])
            assert nodes[child["$ref"]]["parent"] == {"$ref": ref}
            walk(nodes[child["$ref"]], child["$ref"])

    walk(made["body"], "#/body")
    assert sorted(reached) == sorted(nodes)
