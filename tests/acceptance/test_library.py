"""Reading in process, from a script and beside a running event loop: the same pages, the same promises."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.data.documents import make_numbered_scan, make_typed
from tests.fixtures.server import PATIENCE_S, Gate, are_gone, clean_environment, until

from pagemill import Session
from pagemill.domain.asking import ReadingOptions
from pagemill.domain.errors import EngineFailed, InvalidDocument, InvalidRequest, NeverFits, PagemillError
from pagemill.settings import Settings
from pagemill.testing.engines import FAULTY

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
    return Session(settings, engines={FAULTY.name: FAULTY}, memory_limit_mb=memory_limit_mb)


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
        gate.reached()
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
def test_notebooks_show_the_first_pages(tmp_path: Path) -> None:
    with session({}) as reading:
        shown = reading.ocr(make_typed(tmp_path / "typed.pdf", 7), **TEXT_LAYER)._repr_html_()
    assert shown.count("<svg") == 5
    assert shown.endswith("<p>… and 2 more pages</p>")
