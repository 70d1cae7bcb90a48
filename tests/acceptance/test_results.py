"""Every form of a result over HTTP, searchable PDFs read back."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from tests.data.documents import make_numbered_scan, make_scan, make_typed
from tests.fixtures.server import Api
from tests.fixtures.standards import alto_faults


def find_text(pdf: bytes) -> list[str]:
    """The text layer of each page."""
    with pdfium.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_range() for page in document]


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_numbered_scan(tmp_path_factory.mktemp("scan") / "scan.pdf", 2)


def test_a_scan_comes_back_as_a_searchable_pdf_whole_and_in_parts(api: Api, scan: Path) -> None:
    path = f"/tasks/{api.read(scan).task_id}/result"
    response = api.http.get(path, headers={"accept": "application/pdf"})
    assert response.status_code == 200
    assert [number in text for number, text in zip(("101", "102"), find_text(response.content), strict=True)] == [
        True,
        True,
    ]
    part = api.http.get(path, params={"format": "pdf"}, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, response.content[100:200])
    same = api.http.get(path, params={"format": "pdf"}, headers={"if-none-match": response.headers["etag"]})
    assert same.status_code == 304


def test_a_picture_becomes_a_pdf_and_a_typed_document_stays_one(api: Api, tmp_path: Path) -> None:
    picture = api.read(make_scan(tmp_path / "label.png", ["Label 4711"]))
    (text,) = find_text(api.http.get(f"/tasks/{picture.task_id}/result", params={"format": "pdf"}).content)
    assert "4711" in text
    typed = api.read(make_typed(tmp_path / "typed.pdf", 2))
    texts = find_text(api.http.get(f"/tasks/{typed.task_id}/result", params={"format": "pdf"}).content)
    assert [text.count("leaf") for text in texts] == [1, 1]


def test_everything_comes_as_an_archive_that_proves_what_is_in_it(api: Api, scan: Path) -> None:
    task = api.read(scan)
    response = api.http.get(f"/tasks/{task.task_id}/result", params={"format": "zip"})
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        for each in manifest["files"]:
            assert hashlib.sha256(archive.read(each["name"])).hexdigest() == each["sha256"]
    streamed = api.http.get(f"/tasks/{task.task_id}/result", params={"format": "alto"}).content
    alto = next(each for each in manifest["files"] if each["name"].endswith(".alto.xml"))
    assert hashlib.sha256(streamed).hexdigest() == alto["sha256"]
    assert alto_faults(streamed) == []


def test_the_schema_that_results_name_is_published(api: Api, scan: Path) -> None:
    result = api.http.get(f"/tasks/{api.read(scan).task_id}/result", params={"format": "json"}).json()
    schema = api.http.get("/schemas/result.json").json()
    assert schema["properties"]["schema"]["const"] == result["schema"]
