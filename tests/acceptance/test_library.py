"""Reading in process, from a script and beside a running event loop: the same pages, the same promises."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from tests.data.documents import make_numbered_scan, make_typed
from tests.fixtures.server import PATIENCE_S, Gate, are_gone, clean_environment, until

from pagemill import Session
from pagemill.domain.errors import (
    EngineFailed,
    InvalidDocument,
    InvalidRequest,
    NeverFits,
    PagemillError,
    TaskFailureReason,
)
from pagemill.domain.task.plain_options import ReadingOptions
from pagemill.domain.task.task import Task, TaskOptions
from pagemill.settings import Settings
from pagemill.testing.engines import FAULTY, make_faulty

AS_TOLD = ReadingOptions(engine="faulty", profile="plain", ocr="force")
TEXT_LAYER = ReadingOptions(engine="faulty", profile="plain", ocr="never")


def as_told(pages: str) -> ReadingOptions:
    return ReadingOptions(engine="faulty", profile="plain", ocr="force", pages=pages)


SCRIPT = """
import json, sys
from pagemill import ocr

pages = ocr(sys.argv[1], ocr="force", dpi=100)
print(json.dumps([page.text for page in pages]))
print(json.dumps([len(pages), pages[-1].number, pages.receipt.peak_mb > 50, list(pages.unread)]))
left = ocr(sys.argv[1], ocr="force", dpi=100)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go; nothing is left there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    before = set(psutil.Process().children())
    yield folder
    until(lambda: are_gone([each for each in psutil.Process().children() if each not in before]))
    until(lambda: list(folder.iterdir()) == [])


def session(faults: dict[str, str], *, memory_limit_mb: int | None = None) -> Session:
    settings = Settings(engines={"faulty": faults}, tasks={"retry": {"max_attempts": 1}})
    return Session(settings, engines={FAULTY.name: make_faulty(faults)}, memory_limit_mb=memory_limit_mb)


def test_a_script_reads_a_document_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(make_numbered_scan(tmp_path / "scan.pdf", 2))],
        env=clean_environment() | {"TMPDIR": str(tmp_path / "temporary")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    texts, facts = map(json.loads, run.stdout.splitlines())
    assert texts == ["Number 101", "Number 102"]
    assert facts == [2, 2, True, []]
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.usefixtures("temporary")
def test_pages_come_as_they_are_read_and_those_read_stay(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    document = make_numbered_scan(tmp_path / "scan.pdf", 4)
    with session({"3": gate.fault}) as reading:
        pages = reading.ocr(document, **AS_TOLD)
        each = iter(pages)
        assert [next(each).text, next(each).text] == ["page 1", "page 2"]
        assert pages[1].number == 2
        gate.wait_until_reached()
        assert repr(pages) == "<Pages of scan.pdf: 2 read so far>"
        gate.open()
        assert [page.number for page in each] == [3, 4]
        again = reading.ocr(document.read_bytes(), **as_told("-1"))
        assert (again.text, again.name) == ("page 4", "document")
    assert [page.number for page in pages[1:3]] == [2, 3]
    assert pages[-4].number == 1
    for place in (4, -5):
        with pytest.raises(IndexError, match="4 pages"):
            pages[place]


@pytest.mark.usefixtures("temporary")
def test_files_pictures_and_arrays_are_documents(tmp_path: Path) -> None:
    scan = make_numbered_scan(tmp_path / "scan.pdf", 2)
    image = Image.new("RGB", (300, 200), "white")
    with session({}) as reading:
        with scan.open("rb") as file:
            from_file = reading.ocr(file, **AS_TOLD)
        found = [from_file, reading.ocr(image, **AS_TOLD), reading.ocr(np.asarray(image), **AS_TOLD)]
        assert [(pages.name, len(pages)) for pages in found] == [("scan.pdf", 2), ("document", 1), ("document", 1)]
        assert {(page.width_px, page.height_px) for pages in found[1:] for page in pages} == {(300, 200)}
        with pytest.raises(InvalidRequest, match="not a picture"):
            reading.ocr(np.zeros((2, 2), float), **AS_TOLD)


@pytest.mark.usefixtures("temporary")
def test_what_cannot_be_read_is_named_and_the_rest_given(tmp_path: Path) -> None:
    with session({"2": "fail:smudged"}) as reading:
        pages = reading.ocr(make_numbered_scan(tmp_path / "scan.pdf", 3), **AS_TOLD)
        assert [page.number for page in pages] == [1, 3]
        assert [(page.number, "smudged" in page.message) for page in pages.unread] == [(2, True)]
        nothing = reading.ocr(make_numbered_scan(tmp_path / "two.pdf", 3), **as_told("2"))
        with pytest.raises(EngineFailed, match=r"No page of two\.pdf could be read: .*smudged"):
            list(nothing)


@pytest.mark.usefixtures("temporary")
def test_what_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    scan = make_numbered_scan(tmp_path / "scan.pdf", 1)
    with session({}) as reading:
        with pytest.raises(InvalidDocument):
            reading.ocr(b"%PDF-1.7\nnothing more", **AS_TOLD)
        with pytest.raises(InvalidRequest, match=r"missing\.pdf"):
            reading.ocr(tmp_path / "missing.pdf", **AS_TOLD)
        with pytest.raises(InvalidRequest, match="dpi"):
            reading.ocr(scan, dpi=7)
        with pytest.raises(InvalidRequest, match="abacus"):
            reading.ocr(scan, engine="abacus")
    with session({}, memory_limit_mb=20) as small, pytest.raises(NeverFits):
        small.ocr(scan, **AS_TOLD)


@pytest.mark.usefixtures("temporary")
def test_a_session_that_is_closed_ends_its_work(tmp_path: Path) -> None:
    never = Gate(tmp_path / "never")
    reading = session({"100": never.fault})
    pages = reading.ocr(make_numbered_scan(tmp_path / "scan.pdf", 100), **AS_TOLD)
    first = pages[0]
    reading.close()
    assert pages[0] == first
    with pytest.raises(PagemillError, match="closed before"):
        list(pages)


@pytest.mark.usefixtures("temporary")
async def test_it_works_beside_a_running_event_loop_and_for_several_at_once(tmp_path: Path) -> None:
    documents = [make_typed(tmp_path / f"{count}.pdf", count) for count in (1, 2)]
    with session({}) as reading:
        assert reading.ocr(documents[0], **TEXT_LAYER).text.endswith(
            "leaf 1"
        )  # on the loop's own thread, as notebooks do
        both = await asyncio.gather(*(asyncio.to_thread(_read, reading, each) for each in documents))
    assert [len(pages) for pages in both] == [1, 2]


def _read(reading: Session, document: Path) -> list[str]:
    return [page.text for page in reading.ocr(document, **TEXT_LAYER)]


@pytest.mark.usefixtures("temporary")
def test_pages_that_a_cancelled_task_left_are_named(tmp_path: Path) -> None:
    never = Gate(tmp_path / "never")
    with session({"2": "fail:smudged", "4": never.fault}) as reading:
        pages = reading.ocr(make_numbered_scan(tmp_path / "scan.pdf", 5), **AS_TOLD)
        assert [pages[0].number, pages[1].number] == [1, 3]
        never.wait_until_reached()
        application = reading._background.application
        (task,) = reading._background.call(application.reader.list_tasks())
        reading._background.call(application.manager.cancel_task(task.task_id))
        never.open()
        left = {page.number: page.reason for page in pages.unread}
        assert [page.number for page in pages.unread] == sorted(left)
        assert sorted([*left, *(page.number for page in pages)]) == [1, 2, 3, 4, 5]
        assert (left[2], left[5]) == (TaskFailureReason.ENGINE_ERROR, TaskFailureReason.CANCELLED)


@pytest.mark.usefixtures("temporary")
async def test_bytes_sent_at_the_same_time_stay_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [make_typed(tmp_path / f"{count}.pdf", count).read_bytes() for count in (1, 2)]
    both_are_there = asyncio.Barrier(2)
    with session({}) as reading:
        application = reading._background.application
        submit = application.submit_file

        async def together(file: Path, options: TaskOptions, *, password: str | None) -> Task:
            await both_are_there.wait()
            return await submit(file, options, password=password)

        monkeypatch.setattr(application, "submit_file", together)
        read = await asyncio.gather(*(asyncio.to_thread(reading.ocr, each, **TEXT_LAYER) for each in documents))
        assert [(len(pages), pages.name) for pages in read] == [(1, "document"), (2, "document")]


@pytest.mark.usefixtures("temporary")
def test_what_went_wrong_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lose_page(task_id: str, number: int) -> bytes:
        raise OSError(f"page {number} of {task_id} is gone")

    with session({}) as reading:
        monkeypatch.setattr(reading._background.application.views, "page", lose_page)
        with pytest.raises(OSError, match=r"page 1 of .* is gone"):
            list(reading.ocr(make_typed(tmp_path / "typed.pdf", 1), **TEXT_LAYER))


@pytest.mark.usefixtures("temporary")
def test_a_closed_session_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = make_typed(tmp_path / "typed.pdf", 1)
    reading = session({})
    under_way = threading.Event()

    async def for_ever(*_: object, **__: object) -> None:
        under_way.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(reading._background.application, "submit_file", for_ever)
    with ThreadPoolExecutor(1) as others:
        meanwhile = others.submit(reading.ocr, document, **TEXT_LAYER)
        assert under_way.wait(PATIENCE_S)
        reading.close()
        with pytest.raises(PagemillError, match="session is closed"):
            meanwhile.result(PATIENCE_S)
    for late in (document, document.read_bytes()):
        with pytest.raises(PagemillError, match="session is closed"):
            reading.ocr(late, **TEXT_LAYER)


@pytest.mark.usefixtures("temporary")
def test_engines_are_looked_for_where_the_settings_have_them(tmp_path: Path) -> None:
    with Session(Settings(data_dir=tmp_path / "kept")) as reading:
        interpreter = reading._background.application.engines["ppstructure"].interpreter
    assert interpreter == str(tmp_path / "kept" / "engines" / "ppstructure" / "bin" / "python")


@pytest.mark.usefixtures("temporary")
def test_notebooks_show_the_first_pages(tmp_path: Path) -> None:
    with session({}) as reading:
        shown = reading.ocr(make_typed(tmp_path / "typed.pdf", 7), **TEXT_LAYER)._repr_html_()
    assert shown.count("<svg") == 5
    assert shown.endswith("<p>… and 2 more pages</p>")
