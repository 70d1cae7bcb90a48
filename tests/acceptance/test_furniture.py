"""Headers, footers and page numbers: left out of text and Markdown unless they are wanted, however they are fetched."""

import json
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from tests.data.pdfs import PdfPageSpec, make_pdf, text_at
from tests.fixtures.server import Api, clean_environment

from pagemill import ocr
from pagemill.client import Client

HEADER = "The Harbour in Winter"
SAID = ("boats came in from the north", "the pilots stayed at home", "nobody had lit the lamps", "it rained all day")


def make_book(path: Path, pages: int = 4) -> Path:
    """Typed pages with a header and a number."""
    return make_pdf(path, [PdfPageSpec(_page(number)) for number in range(1, pages + 1)])


def _page(number: int) -> str:
    rows = [f"{SAID[(number * row) % len(SAID)]} on day {number * row * 7 % 11} of year {row}" for row in range(1, 25)]
    text = "".join(text_at(72, 680 - 16 * at, row) for at, row in enumerate(rows))
    return text_at(240, 750, HEADER, size=11) + text + text_at(300, 40, str(number), size=11)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_book(tmp_path_factory.mktemp("book") / "book.pdf")


@pytest.mark.parametrize(
    ("form", "part"), list(product(("text", "markdown", "json", "html"), ({}, {"range": "bytes=0-"})))
)
def test_over_http_whole_and_in_parts(api: Api, book: Path, form: str, part: dict[str, str]) -> None:
    path = f"/tasks/{api.read(book).task_id}/result"
    plain = api.http.get(path, params={"format": form}, headers=part)
    kept = api.http.get(path, params={"format": form, "keep_furniture": "true"}, headers=part)
    assert plain.headers["etag"] != kept.headers["etag"]
    assert kept.text.count(HEADER) == 4
    assert plain.text.count(HEADER) == (0 if form in {"text", "markdown"} else 4)
    assert plain.text.count("on day") == kept.text.count("on day") == 96


def test_json_tells_the_roles(api: Api, book: Path) -> None:
    pages = api.http.get(f"/tasks/{api.read(book).task_id}/result", params={"format": "json"}).json()["pages"]
    told = [[(block["kind"], block["lines"][0]["text"]) for block in page["blocks"]] for page in pages]
    assert [(each[0], each[-1]) for each in told] == [
        (("header", HEADER), ("page_number", str(number))) for number in range(1, 5)
    ]


@pytest.mark.parametrize("pages", [1, 2, 4, 11])
def test_a_single_page_tells_the_same_roles_as_the_result(api: Api, tmp_path: Path, pages: int) -> None:
    task = api.read(make_book(tmp_path / "book.pdf", pages))
    result = api.http.get(f"/tasks/{task.task_id}/result", params={"format": "json"}).json()["pages"]
    single = [api.http.get(f"/tasks/{task.task_id}/pages/{number}").json() for number in range(1, pages + 1)]
    assert [{"status": "read", **page} for page in single] == result
    assert {block["kind"] for block in single[0]["blocks"]} >= ({"header", "page_number"} if pages > 2 else {"text"})


def test_by_the_client(api: Api, book: Path, tmp_path: Path) -> None:
    task = api.read(book)
    with Client(str(api.http.base_url)) as client:
        assert HEADER not in client.result(task.task_id, "markdown").text
        assert HEADER in client.result(task.task_id, "markdown", keep_furniture=True).text
        client.download(task.task_id, tmp_path / "book.txt", keep_furniture=True)
    assert (tmp_path / "book.txt").read_text().count(HEADER) == 4


@pytest.mark.parametrize("keep", [False, True])
def test_by_the_command_line(book: Path, tmp_path: Path, *, keep: bool) -> None:
    more = ["--keep-furniture"] if keep else []
    command = [sys.executable, "-m", "pagemill", "ocr", str(book), *more]
    run = subprocess.run(
        command, env=clean_environment({}), cwd=tmp_path, capture_output=True, text=True, check=True, timeout=90
    )
    assert run.stdout.count(HEADER) == (4 if keep else 0)


def test_in_this_process(book: Path) -> None:
    pages = ocr(book)
    assert HEADER not in pages.text
    assert all(HEADER in page.text for page in pages)
    assert json.loads(pages[0].to_json())["number"] == 1
