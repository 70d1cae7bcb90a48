"""A long result is delivered in the memory of a short one, whatever its form."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, update
from starlette.types import ASGIApp, Message
from tests.fixtures.measuring import traced_peak

from pagemill.app import Application, http_api
from pagemill.domain.page.page import Block, Line, Page, PageSource, Polygon
from pagemill.domain.task.task import PageState, TaskOptions, TaskStatus
from pagemill.domain.work.recognition import Stage
from pagemill.settings import Settings
from pagemill.store.database import Database
from pagemill.store.payload import pack
from pagemill.store.tables import page_results, task_pages, tasks

SHORT, LONG = 20, 200
LINES = 30
LEAST_TEXT = 5000
"""Bytes of a page in its shortest form."""
MOST_LEFT = LEAST_TEXT / 2
"""What a page may leave behind in the server until its result is delivered, bytes."""


def rectangle(x: int, y: int, width: int) -> Polygon:
    return ((x, y), (x + width, y), (x + width, y + 20), (x, y + 20))


def page(number: int) -> Page:
    """A page of long lines, each as one word: quickly read and written."""
    lines = tuple(
        Line(text=f"{number} {row} {'long line of a page ' * 9}", polygon=rectangle(0, 30 * row, 980), confidence=0.9)
        for row in range(LINES)
    )
    block = Block(polygon=rectangle(0, 0, 980), lines=lines)
    return Page(number=number, width_px=1000, height_px=1400, dpi=120, source=PageSource.OCR, blocks=(block,))


def keep(connection: Connection, *, name: str, pages: int) -> None:
    """A task that has just ended, so that nothing deletes it, with that many pages."""
    now, options = datetime.now(UTC), TaskOptions()
    fingerprint = options.recognition.fingerprint
    connection.execute(
        insert(tasks).values(
            task_id=name,
            status=TaskStatus.CREATED,
            document_path=f"/in/{name}",
            document_name=f"{name}.pdf",
            document_size_bytes=1,
            document_sha256="0" * 64,
            kind="pdf",
            page_count=pages,
            options=options.model_dump(mode="json"),
            fingerprint=fingerprint,
            created_at=now,
            pages_total=pages,
            pages_done=pages,
        )
    )
    for status in (TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.SUCCEEDED):
        connection.execute(update(tasks).where(tasks.c.task_id == name).values(status=status, finished_at=now))
    numbers = range(1, pages + 1)
    connection.execute(
        insert(task_pages),
        [{"task_id": name, "number": at, "state": PageState.DONE, "stage": Stage.OCR} for at in numbers],
    )
    for at in numbers:
        codec, payload = pack(page(at).to_json())
        connection.execute(
            insert(page_results).values(
                task_id=name, page_number=at, fingerprint=fingerprint, codec=codec, payload=payload, created_at=now
            )
        )


@dataclass
class Sink:
    """A client that takes what it is sent and keeps nothing of it."""

    status: int = 0
    size_bytes: int = 0
    was_read: bool = False

    async def get(self, app: ASGIApp, path: str, query: str) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"localhost")],
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50000),
        }
        await app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        if self.was_read:
            await asyncio.Event().wait()  # a client that stays
        self.was_read = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Message) -> None:
        self.status = int(message.get("status", self.status))
        self.size_bytes += len(message.get("body", b""))


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[ASGIApp]:
    settings = Settings(data_dir=tmp_path)
    application = Application(settings)
    async with application.running(), open_database(settings.resolved_database_url) as database:
        for name, pages in (("first", SHORT), ("short", SHORT), ("long", LONG)):
            await database.write(partial(keep, name=name, pages=pages))
        yield http_api(application)


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


async def deliver_result(app: ASGIApp, task: str, name: str) -> tuple[int, int]:
    """Bytes that were sent, and the most that was held meanwhile."""
    sink = Sink()
    with traced_peak() as peak:
        await sink.get(app, f"/tasks/{task}/result", f"format={name}")
    assert sink.status == 200
    return sink.size_bytes, peak.size_bytes


@pytest.mark.timeout(300)
async def test_a_long_result_takes_no_more_memory_than_a_short_one(app: ASGIApp) -> None:
    for name in ("text", "json", "zip"):  # an archive is made by all writers
        await deliver_result(app, "first", name)  # for what is allotted once
        short_bytes, short_peak = await deliver_result(app, "short", name)
        long_bytes, long_peak = await deliver_result(app, "long", name)
        if name != "zip":
            assert long_bytes - short_bytes > LEAST_TEXT * (LONG - SHORT), name
        assert long_peak - short_peak < MOST_LEFT * (LONG - SHORT), name


SEARCHABLE = """
import sys
from pathlib import Path
from pikepdf import Pdf
from pagemill.documents.searchable import write_searchable_pdf
from pagemill.pool.linux import peak_rss_bytes, reset_peak, rss_bytes
from tests.acceptance.test_long_results import page

folder, pages = Path(sys.argv[1]), int(sys.argv[2])
with Pdf.new() as pdf:
    for _ in range(pages):
        pdf.add_blank_page(page_size=(600, 840))
    pdf.save(folder / "in.pdf")
write_searchable_pdf(folder / "in.pdf", (page(1) for _ in range(2)), folder / "out.pdf")
before = rss_bytes()
reset_peak()
write_searchable_pdf(folder / "in.pdf", (page(at) for at in range(1, pages + 1)), folder / "out.pdf")
print(peak_rss_bytes() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Peaks are read from /proc.")
def test_a_long_searchable_pdf_holds_its_words_compressed_and_nothing_else(tmp_path: Path) -> None:
    program = [sys.executable, "-c", SEARCHABLE, str(tmp_path), "300"]
    made = subprocess.run(program, capture_output=True, text=True, check=True, timeout=100)
    assert int(made.stdout) < 300 * 10_000  # a page as the worker is given it takes three times as much
