"""Pages that are text and picture, through the whole service; what cannot be read is told wherever people look."""

import io
from pathlib import Path

import pytest
from tests.acceptance.test_command_line import pagemill
from tests.acceptance.test_reading import result_pages
from tests.data.pdfs import PdfPageSpec, image_at, make_pdf, text_at
from tests.data.pictures import as_picture, photo, scribble, write_lines
from tests.fixtures.server import Api

from pagemill.domain.page.page import PageSource, WarningKind
from pagemill.domain.work.recognition import Stage
from pagemill.wire.task_wire import HealthWire

NUMBER = "IBAN DE44 5001 0517"
INSET = as_picture(write_lines([NUMBER], size=(600, 90), font=36))
SCAN = as_picture(write_lines(["Invoice 2026", "Total 148 EUR"], size=(850, 1100), font=40))
HEADER = "".join(text_at(40, 40 + 14 * at, f"Received by the court, stamp {at} of a long header") for at in range(6))


def typed_around(picture: str) -> str:
    return text_at(72, 700, "typed above") + picture + text_at(72, 500, "typed below")


@pytest.mark.parametrize("ocr", ["auto", "force", "never"])
def test_writing_in_a_picture_of_a_digital_page_is_read_in_its_place(api: Api, tmp_path: Path, ocr: str) -> None:
    spec = PdfPageSpec(typed_around(image_at(72, 580, 400, 60)), images=(INSET,))
    task = api.read(make_pdf(tmp_path / "a.pdf", [spec]), ocr=ocr, dpi="100")
    (page,) = result_pages(api, task.task_id)
    lines = [line.text.replace(" ", "") for line in page.lines]
    if ocr == "never":
        assert lines == ["typedabove", "typedbelow"]
        assert [warning.kind for warning in page.warnings] == [WarningKind.OCR_OFF]
        return
    assert lines == ["typedabove", NUMBER.replace(" ", ""), "typedbelow"]
    assert page.warnings == ()
    sources = {word.source for word in page.words}
    assert sources == ({PageSource.TEXT_LAYER, PageSource.OCR} if ocr == "auto" else {None})
    assert page.source is (PageSource.MIXED if ocr == "auto" else PageSource.OCR)


def test_a_header_over_a_scan_hides_nothing_of_it(api: Api, tmp_path: Path) -> None:
    spec = PdfPageSpec(image_at(0, 0, 612, 792) + HEADER, images=(SCAN,))
    task = api.read(make_pdf(tmp_path / "a.pdf", [spec]), dpi="100")
    (page,) = result_pages(api, task.task_id)
    assert page.source is PageSource.MIXED
    assert page.text.count("Received by the court") == 6
    assert "148" in page.text
    assert {word.source for word in page.words if word.text in ("Received", "148")} == {
        PageSource.TEXT_LAYER,
        PageSource.OCR,
    }


def test_a_photo_on_a_digital_page_loads_no_model(api: Api, tmp_path: Path) -> None:
    spec = PdfPageSpec(typed_around(image_at(72, 540, 160, 120)), images=(as_picture(photo()),))
    task = api.read(make_pdf(tmp_path / "a.pdf", [spec]))
    (page,) = result_pages(api, task.task_id)
    assert (page.source, page.warnings) == (PageSource.TEXT_LAYER, ())
    assert {page.stage for page in api.pages(task.task_id)} == {Stage.TEXT}


def scribbled_png(path: Path) -> Path:
    made = io.BytesIO()
    scribble().save(made, "PNG")
    path.write_bytes(made.getvalue())
    return path


def test_what_cannot_be_read_is_told_with_its_place(api: Api, tmp_path: Path) -> None:
    task = api.read(scribbled_png(tmp_path / "a.png"))
    (page,) = result_pages(api, task.task_id)
    unread = [warning for warning in page.warnings if warning.kind is WarningKind.UNREAD_INK]
    assert unread != []
    assert all(warning.box is not None for warning in unread)
    assert api.pages(task.task_id)[0].warnings == page.warnings
    health = HealthWire.model_validate_json(api.http.get(f"/tasks/{task.task_id}/health").content)
    assert [text for text in health.warnings if text.startswith("Page 1: Something here looks like text")] != []


def test_what_is_known_of_a_page_is_known_of_its_copy(api: Api, tmp_path: Path) -> None:
    path = scribbled_png(tmp_path / "a.png")
    first, second = (api.read(path, cache="use") for _ in range(2))
    told = [api.pages(task.task_id)[0].warnings for task in (first, second)]
    assert told[0] == told[1] != ()


def test_the_command_line_tells_it_too(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    run = pagemill(temporary, "ocr", scribbled_png(tmp_path / "a.png"))
    assert run.returncode == 0
    assert "page 1: Something here looks like text and could not be read (x " in run.stderr
