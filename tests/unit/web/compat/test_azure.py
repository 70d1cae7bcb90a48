"""The door for clients of Azure's `prebuilt-read`: the life of an analysis, and where its words are."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.ai.documentintelligence.models import AnalyzeResult
from fastapi import FastAPI
from tests.fixtures.web_tasks import PAGES, WebTasks

from pagemill.domain.documents import DocumentKind
from pagemill.domain.page.page import Block, BlockKind, Line, Page, PageSource, PageWarning, WarningKind, Word
from pagemill.web.compat.azure.analysis import CONTENT, LISTS, AnalysisWriter
from pagemill.web.compat.azure.options import CODE_POINTS, UTF16
from pagemill.web.web_config import WebConfig

PDF = b"%PDF-1.7\n"
MODELS = "/documentintelligence/documentModels"
BASES = ("/compat/azure", "")


@pytest.fixture
def api(tasks: WebTasks, uploads: Path) -> FastAPI:
    return tasks.api(WebConfig(uploads=uploads, max_upload_bytes=100_000, root_doors=("azure",)))


async def begin(client: httpx.AsyncClient, base: str = "", **query: str) -> tuple[str, str]:
    """The location of the analysis, and its id."""
    answer = await client.post(f"{base}{MODELS}/prebuilt-read:analyze", params=query, content=PDF)
    assert (answer.status_code, answer.content) == (202, b"")
    where = answer.headers["operation-location"]
    return where, where.rpartition("/")[2].partition("?")[0]


@pytest.mark.parametrize("base", BASES)
async def test_an_analysis_from_beginning_to_end(client: httpx.AsyncClient, tasks: WebTasks, base: str) -> None:
    where, task_id = await begin(client, base, **{"api-version": "2024-02-29-preview"})
    assert where == (
        f"http://localhost{base}{MODELS}/prebuilt-read/analyzeResults/{task_id}?api-version=2024-02-29-preview"
    )
    waiting = await client.get(where)
    assert (waiting.json()["status"], waiting.headers["retry-after"]) == ("notStarted", "1")
    assert (await client.get(where.replace("?", "/pdf?"))).status_code == 409
    await tasks.finish_page(task_id, 1)
    assert (await client.get(where)).json()["status"] == "running"
    await tasks.finish_page(task_id, 2, failure="damaged")
    await tasks.finish_page(task_id, 3)
    told = (await client.get(where)).json()
    assert told["status"] == "succeeded"
    result = AnalyzeResult(told["analyzeResult"])
    assert (result.api_version, result.model_id, result.content_format) == (
        "2024-02-29-preview",
        "prebuilt-read",
        "text",
    )
    assert result.content == "words of page 1\nwords of page 3"
    assert [page.page_number for page in result.pages] == [1, 3]
    assert [(each.code, each.target) for each in result.warnings or ()] == [("page_unreadable", "page 2")]
    assert (await client.get(where.replace("?", "/pdf?"))).content == b"%%PDF of %d pages" % PAGES
    assert (await client.delete(where)).status_code == 204
    missing = await client.get(where)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "NotFound")


async def test_a_running_analysis_is_cancelled_by_deleting_it(client: httpx.AsyncClient) -> None:
    where, _ = await begin(client)
    assert (await client.delete(where)).status_code == 204
    told = (await client.get(where)).json()
    assert (told["status"], told["error"]["innererror"]["code"]) == ("canceled", "conflict")


async def test_a_document_without_a_readable_page_has_failed(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    where, task_id = await begin(client)
    for number in range(1, PAGES + 1):
        await tasks.finish_page(task_id, number, failure="damaged")
    told = (await client.get(where)).json()
    assert (told["status"], told["error"]["code"]) == ("failed", "InvalidRequest")
    assert told["error"]["innererror"]["code"] == "page_unreadable"


async def test_options_of_the_url_are_understood_and_others_named(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    query = {
        "pages": "1,3",
        "locale": "de-DE",
        "features": "barcodes",
        "output": "pdf,figures",
        "stringIndexType": UTF16,
    }
    answer = await client.post(f"{MODELS}/prebuilt-read:analyze", params=query, content=PDF)
    assert answer.headers["pagemill-warning"] == "Options without effect: features, output=figures"
    (task,) = await tasks.list_sent()
    assert (task.options.pages, task.options.recognition.languages) == ("1,3", ("de",))
    assert task.pages_total == 2


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("prebuilt-layout:analyze", PDF, 404, "prebuilt-read"),
        ("prebuilt-read:analyze?outputContentFormat=markdown", PDF, 422, "text"),
        ("prebuilt-read:analyze?pages=9", PDF, 422, "page"),
        ("prebuilt-read:analyze", b"", 422, "empty"),
        ("prebuilt-read:analyze", b"no document", 415, "bytes"),
        ("prebuilt-read:analyze", b"%PDF" + bytes(100_000), 413, "bytes"),
        ("prebuilt-read:analyze", {"urlSource": "https://example.org/a.pdf"}, 422, "fetches no documents"),
        ("prebuilt-read:analyze", {}, 422, "base64Source"),
        ("prebuilt-read:analyze", {"base64Source": "*"}, 422, "Base64"),
    ],
    ids=range(9),
)
async def test_what_the_door_cannot_do_is_refused_in_its_own_shape(
    client: httpx.AsyncClient, tasks: WebTasks, path: str, body: object, status: int, word: str
) -> None:
    url = f"{MODELS}/{path}"
    answer = await (client.post(url, content=body) if isinstance(body, bytes) else client.post(url, json=body))
    assert (answer.status_code, list(answer.json())) == (status, ["error"]), answer.text
    assert word in answer.json()["error"]["message"]
    assert not await tasks.list_sent()


async def test_a_document_in_base64_is_the_same_document(client: httpx.AsyncClient, tasks: WebTasks) -> None:
    await begin(client)
    body = {"base64Source": base64.b64encode(PDF).decode()}
    assert (await client.post(f"{MODELS}/prebuilt-read:analyze", json=body)).status_code == 202
    raw, encoded = await tasks.list_sent()
    assert raw.document.sha256 == encoded.document.sha256


def box(left: float, top: float, right: float, bottom: float) -> tuple[tuple[float, float], ...]:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def line(text: str, *words: str) -> Line:
    return Line(text=text, polygon=box(10, 20, 50, 30), words=tuple(Word(text=word, polygon=BOX) for word in words))


BOX = box(10, 20, 50, 30)
LINES = [
    line("two words", "two", "words"),
    line("\U0001f600 \u00e9\u0301 word word", "\U0001f600", "\u00e9\u0301", "word", "word"),
    line("\u4e2d\u6587\u5b57", "\u4e2d\u6587", "\u5b57"),
    line("none at all"),
    line("other text", "text", "elsewhere"),
    line("", ""),
]


def page(number: int, blocks: Sequence[Block], *, rotation: int = 0, dpi: float | None = 100) -> Page:
    return Page(
        number=number,
        width_px=200,
        height_px=400,
        dpi=dpi,
        rotation=rotation,
        source=PageSource.OCR,
        blocks=tuple(blocks),
        warnings=(PageWarning(kind=WarningKind.UNREAD_INK, message="There is more."),),
    )


def analyse(*pages: Page, index: str = CODE_POINTS, kind: DocumentKind = DocumentKind.PDF) -> Any:
    def write(name: str) -> str:
        writer = AnalysisWriter(name, kind=kind, index=index)
        return b"".join(map(writer.page, pages)).decode()

    return {"content": write(CONTENT), **{name: json.loads(f"[{write(name)}]") for name in LISTS}}


@pytest.mark.parametrize("index", [CODE_POINTS, UTF16])
def test_every_span_is_the_text_that_it_says(index: str) -> None:
    blocks = [Block(polygon=BOX, lines=tuple(LINES), kind=kind) for kind in BlockKind]
    empty = Block(polygon=BOX)
    told = analyse(page(1, [empty]), page(2, blocks), page(3, []), page(4, [empty, *blocks[::-1]]), index=index)
    content = str(told["content"])
    encoded = content.encode("utf-16-le")

    def at(span: Mapping[str, int]) -> str:
        start, end = span["offset"], span["offset"] + span["length"]
        return encoded[2 * start : 2 * end].decode("utf-16-le") if index == UTF16 else content[start:end]

    for each in told["pages"]:
        for read in each["lines"]:
            assert [at(span) for span in read["spans"]] == [read["content"]]
        for word in each["words"]:
            assert at(word["span"]) == word["content"] or word["content"] == "elsewhere"
        assert at(each["spans"][0]) == "\n".join(read["content"] for read in each["lines"])
    assert len(told["paragraphs"]) == 2 * len(BlockKind)
    for paragraph in told["paragraphs"]:
        assert at(paragraph["spans"][0]).replace("\n", " ") == paragraph["content"]
    assert [each["target"] for each in told["warnings"]] == ["page 1", "page 2", "page 3", "page 4"]


@pytest.mark.parametrize(
    ("rotation", "angle", "corner", "size"),
    [
        (0, 0, (10, 20), (200, 400)),
        (90, -90, (20, 190), (400, 200)),
        (180, 180, (190, 380), (200, 400)),
        (270, 90, (380, 10), (400, 200)),
    ],
)
@pytest.mark.parametrize(("kind", "unit", "scale"), [(DocumentKind.PDF, "inch", 0.01), (DocumentKind.PNG, "pixel", 1)])
def test_places_are_those_of_the_stored_page(
    rotation: int,
    angle: int,
    corner: tuple[float, float],
    size: tuple[float, float],
    kind: DocumentKind,
    unit: str,
    scale: float,
) -> None:
    """The picture of the stored page, turned clockwise by the rotation, is the page that was read."""
    block = Block(polygon=BOX, lines=(LINES[0],))
    (read,) = analyse(page(1, [block], rotation=rotation), kind=kind)["pages"]
    assert (read["angle"], read["unit"]) == (angle, unit)
    assert (read["width"], read["height"]) == tuple(side * scale for side in size)
    assert read["lines"][0]["polygon"][:2] == [round(each * scale, 4) for each in corner]


def test_a_polygon_of_any_number_of_corners_has_four() -> None:
    for polygon in (BOX[:3], (*BOX, (5.0, 25.0))):
        block = Block(polygon=polygon, lines=(Line(text="a", polygon=polygon),))
        (read,) = analyse(page(1, [block], dpi=None))["pages"]
        assert len(read["lines"][0]["polygon"]) == len(read["words"][0]["polygon"]) == 8
        assert read["unit"] == "pixel"
