"""Documents of every kind go in over HTTP, and what is written on them comes out."""

import json
from pathlib import Path

import pytest
from tests.data.documents import (
    SENTENCE,
    SIZE,
    make_numbered_scan,
    make_scan,
    make_sideways_photo,
    make_typed,
)
from tests.fixtures.server import Api

from pagemill.domain.documents import DocumentKind
from pagemill.domain.page.page import Page, PageSource
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState, TaskStatus
from pagemill.domain.work.recognition import Stage

MARKDOWN, JSON = "text/markdown", "application/json"


def result_pages(api: Api, task_id: str) -> list[Page]:
    result = api.http.get(f"/tasks/{task_id}/result", params={"format": "json"}).json()
    read = [page for page in result["pages"] if page.pop("status") == "read"]
    return [Page.from_json(json.dumps(page).encode()) for page in read]


def test_a_scanned_pdf_is_recognised_page_by_page(api: Api, tmp_path: Path) -> None:
    task = api.read(make_numbered_scan(tmp_path / "scan.pdf", 3))
    assert task.status is TaskStatus.SUCCEEDED
    assert (task.document.kind, task.document.page_count) == (DocumentKind.PDF, 3)
    assert (task.progress.pages_total, task.progress.pages_done, task.progress.pages_failed) == (3, 3, 0)
    pages = result_pages(api, task.task_id)
    assert [page.number for page in pages] == [1, 2, 3]
    assert [str(100 + page.number) in page.text for page in pages] == [True] * 3
    assert {page.source for page in pages} == {PageSource.OCR}
    receipt = api.wait_until_clean(task.task_id).receipt
    assert receipt is not None
    assert task.estimated_memory_mb is not None
    assert receipt.reserved_mb is not None
    assert 50 < (task.actual_memory_mb or 0) <= 1.25 * receipt.reserved_mb, "what pages before left in the worker too"
    assert task.estimated_memory_mb > 50
    assert task.assigned_device == "cpu"
    assert task.service_instance_id is not None


def test_text_of_a_digital_pdf_is_taken_and_no_engine_asked(api: Api, tmp_path: Path) -> None:
    task = api.read(make_typed(tmp_path / "typed.pdf", 2))
    pages = result_pages(api, task.task_id)
    assert [page.source for page in pages] == [PageSource.TEXT_LAYER] * 2
    assert [f"{SENTENCE} leaf {page.number}" in page.text for page in pages] == [True] * 2
    assert {page.stage for page in api.pages(task.task_id)} == {Stage.TEXT}
    acquired = [event for event in api.events(task.task_id) if event.event_type is TaskEvent.RESOURCE_ACQUIRED]
    assert len(acquired) == 1


def test_force_recognises_what_has_a_text_layer(api: Api, tmp_path: Path) -> None:
    task = api.read(make_typed(tmp_path / "typed.pdf", 1), ocr="force", dpi="100")
    (page,) = result_pages(api, task.task_id)
    assert page.source is PageSource.OCR
    assert "typed" in page.text


def test_never_recognises_nothing(api: Api, tmp_path: Path) -> None:
    task = api.read(make_numbered_scan(tmp_path / "scan.pdf", 2), ocr="never")
    assert task.status is TaskStatus.SUCCEEDED
    assert [page.text for page in result_pages(api, task.task_id)] == ["", ""]


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [(".png", DocumentKind.PNG), (".webp", DocumentKind.WEBP), (".bmp", DocumentKind.BMP), (".jpg", DocumentKind.JPEG)],
)
def test_images_are_read_whatever_their_name(api: Api, tmp_path: Path, suffix: str, kind: DocumentKind) -> None:
    image = make_scan(tmp_path / f"picture{suffix}", ["Label 4711"])
    task = api.read(image.rename(tmp_path / "picture.pdf"))
    assert task.document.kind is kind
    assert "4711" in api.text(task.task_id)


def test_a_photo_is_turned_as_its_camera_says(api: Api, tmp_path: Path) -> None:
    task = api.read(make_sideways_photo(tmp_path / "photo.jpg", "Camera 2468"))
    (page,) = result_pages(api, task.task_id)
    assert "2468" in page.text
    assert (page.width_px, page.height_px) == SIZE


def test_every_frame_of_a_tiff_is_a_page(api: Api, tmp_path: Path) -> None:
    task = api.read(make_numbered_scan(tmp_path / "fax.tiff", 3), pages="2-")
    assert (task.document.kind, task.document.page_count) == (DocumentKind.TIFF, 3)
    pages = result_pages(api, task.task_id)
    assert [page.number for page in pages] == [2, 3]
    assert "102" in pages[0].text
    assert "103" in pages[1].text


@pytest.mark.parametrize(
    ("wanted", "numbers"), [("1-3,7,-1", [1, 2, 3, 7, 9]), ("-2-", [8, 9]), ("4,4,2", [2, 4]), ("", list(range(1, 10)))]
)
def test_only_the_pages_asked_for_are_read(api: Api, tmp_path: Path, wanted: str, numbers: list[int]) -> None:
    task = api.read(make_typed(tmp_path / "typed.pdf", 9), pages=wanted)
    pages = api.pages(task.task_id)
    assert [page.number for page in pages] == numbers
    assert {page.state for page in pages} == {PageState.DONE}
    assert [page.number for page in result_pages(api, task.task_id)] == numbers
    assert task.progress.pages_total == len(numbers)


def test_the_result_comes_in_the_form_asked_for(api: Api, tmp_path: Path) -> None:
    task = api.read(make_typed(tmp_path / "typed.pdf", 2), name="Report of May.pdf")
    result = f"/tasks/{task.task_id}/result"
    text = api.http.get(result, headers={"Accept": "text/plain"})
    markdown = api.http.get(result, headers={"Accept": f"image/png, {MARKDOWN};q=0.5"})
    by_default = api.http.get(result)
    assert text.headers["content-type"].startswith("text/plain")
    assert text.text == by_default.text == api.http.get(result, params={"format": "text"}).text
    assert markdown.headers["content-type"].startswith(MARKDOWN)
    assert markdown.text == api.http.get(result, params={"format": "markdown"}).text
    assert all(f"{SENTENCE} leaf 2" in answer.text for answer in (text, markdown))
    as_json = api.http.get(result, headers={"Accept": JSON}).json()
    assert as_json["document"]["name"] == "Report of May.pdf"
    assert text.headers["pagemill-complete"] == "true"
    assert "Report%20of%20May.txt" in text.headers["content-disposition"]


def test_a_raw_body_is_a_document_too(api: Api, tmp_path: Path) -> None:
    body = make_scan(tmp_path / "a.png", ["Pure 1357"]).read_bytes()
    answer = api.http.post(
        "/tasks?name=from%20a%20pipe&labels=%7B%22a%22%3A%22b%22%7D",
        content=body,
        headers={"Content-Type": "image/png", "Prefer": "wait=60"},
    )
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=60"
    task = answer.json()
    assert task["status"] == "succeeded"
    assert task["document"]["name"] == "from a pipe"
    assert task["options"]["labels"] == {"a": "b"}
    assert answer.headers["location"] == task["links"]["self"] == f"/tasks/{task['task_id']}"
    assert "1357" in api.http.get(task["links"]["result"]).text
