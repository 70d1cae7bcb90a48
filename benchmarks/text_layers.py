"""Where the time of a page with a text layer goes, and what long documents take: `python -m benchmarks.text_layers`.

Times are CPU time (user and system), which others on the machine change little. The steps of a page are taken in this
process; the rest in the real service, which prints a line for every fifth of a document: flat figures mean that a page
costs the same at its end as at its start.
"""

import argparse
import asyncio
import gc
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import psutil
import pypdfium2 as pdfium
from benchmarks.digital import digital_pdf
from rich.console import Console
from rich.table import Table

from pagemill.app import Application
from pagemill.documents.pdf import PdfFile
from pagemill.documents.text_layer import read_text_layer
from pagemill.documents.text_lines import PlacedWord, lines_of_words
from pagemill.documents.words import Bounds
from pagemill.domain.documents import OcrMode
from pagemill.domain.memory import MIB
from pagemill.domain.page.page import Page
from pagemill.domain.page.reading_order import blocks_in_reading_order
from pagemill.domain.task.results import ARCHIVE, SEARCHABLE_PDF
from pagemill.domain.task.task import Task, TaskOptions
from pagemill.settings import Settings

_DPI = 200
_MOST_STEPPED = 60
_STREAMED = ("text", "json", "hocr")
_LOOK_EVERY_S = 0.05
_WIDTH = 120


# --- the steps of a page ---------------------------------------------------------------------------------------------


@dataclass
class _Steps:
    """CPU milliseconds of each step, a figure for every page."""

    opened: list[float]
    words: list[float]
    lines: list[float]
    blocks: list[float]
    json: list[float]


def _steps(document: Path) -> dict[str, float]:
    taken = _Steps([], [], [], [], [])
    with PdfFile(document) as pdf, pdfium.PdfDocument(document) as plain:
        gc.freeze()
        for number in range(1, min(pdf.info().page_count, _MOST_STEPPED) + 1):
            _step(pdf, plain, number, taken)
    opened = fmean(taken.opened)
    return {
        "pdfium opens the page and lays out its text": opened,
        "characters and boxes taken, words placed, trust decided": fmean(taken.words) - opened - fmean(taken.lines),
        "words to lines, checked": fmean(taken.lines),
        "lines to blocks in reading order": fmean(taken.blocks),
        "JSON": fmean(taken.json),
    }


def _step(pdf: PdfFile, plain: pdfium.PdfDocument, number: int, taken: _Steps) -> None:
    page = pdf.text_page(number, dpi=_DPI, mode=OcrMode.NEVER)
    if page is None:
        raise SystemExit("The document has a page without a text layer; name another with --document.")
    words, lines = _place_words(page), list(page.lines)
    frame = pdf.frame(number, width_px=page.width_px, height_px=page.height_px, rotation=page.rotation)
    taken.opened.append(_cpu_ms(lambda: _open_page(plain, number)))
    taken.words.append(_cpu_ms(lambda: read_text_layer(plain[number - 1], frame, drawn=1)))
    taken.lines.append(_cpu_ms(lambda: lines_of_words(words)))
    taken.blocks.append(
        _cpu_ms(lambda: blocks_in_reading_order(lines, width_px=page.width_px, height_px=page.height_px))
    )
    taken.json.append(_cpu_ms(page.to_json))


def _open_page(plain: pdfium.PdfDocument, number: int) -> None:
    page = plain[number - 1]
    page.get_textpage().close()
    page.close()


def _place_words(page: Page) -> list[PlacedWord]:
    bounds = [(word.text, Bounds.of(word.polygon)) for word in page.words]
    return [PlacedWord(text, at.left, at.top, at.right, at.bottom) for text, at in bounds]


def _cpu_ms(work: Callable[[], object]) -> float:
    work()
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began)


# --- the service -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Look:
    """CPU seconds so far and resident bytes now, of the server and of its workers."""

    at_s: float
    server_s: float
    workers_s: float
    server_bytes: int
    workers_bytes: int

    @classmethod
    def now(cls) -> "_Look":
        own = psutil.Process()
        below = own.children(recursive=True)
        cpu = own.cpu_times()
        workers = [process.cpu_times() for process in below]
        return cls(
            at_s=time.perf_counter(),
            server_s=cpu.user + cpu.system,
            workers_s=sum(each.user + each.system for each in workers),
            server_bytes=own.memory_info().rss,
            workers_bytes=max((process.memory_info().rss for process in below), default=0),
        )


async def _read(application: Application, document: Path, table: Table) -> Task:
    began = before = _Look.now()
    submitted = await application.submit_file(document, TaskOptions())
    last = submitted
    async for task in _changes(application, submitted.task_id):
        done = task.pages_done - last.pages_done
        if done >= task.pages_total / 5 or task.status.is_final:
            now = _Look.now()
            _add(table, f"pages {last.pages_done + 1} to {task.pages_done}", before, now, pages=max(1, done))
            before, last = now, task
    _add(table, "all, from its submission", began, before, pages=last.pages_total)
    return last


async def _changes(application: Application, task_id: str) -> AsyncIterator[Task]:
    """Yield the task now and then: a look at every change would be part of the load."""
    while not (task := await application.reader.get_task(task_id)).status.is_final:
        yield task
        await asyncio.sleep(_LOOK_EVERY_S)
    yield task


async def _deliver(application: Application, task: Task, table: Table) -> None:
    for name in _STREAMED:
        before = _Look.now()
        async for _ in application.reader.write(task.task_id, application.writers[name]):
            pass
        _add(table, f"result as {name}", before, _Look.now(), pages=task.pages_total)
    for made in (SEARCHABLE_PDF, ARCHIVE):
        before = _Look.now()
        await application.files.file(task.task_id, made)
        _add(table, f"result as {made.name}", before, _Look.now(), pages=task.pages_total)


def _add(table: Table, what: str, before: _Look, after: _Look, *, pages: int) -> None:
    server, workers = after.server_s - before.server_s, after.workers_s - before.workers_s
    table.add_row(
        what,
        f"{pages / (after.at_s - before.at_s):.0f}",
        f"{1000 * server / pages:.2f}",
        f"{1000 * workers / pages:.2f}",
        f"{pages / (server + workers):.0f}",
        f"{after.server_bytes / MIB:.0f}",
        f"{after.workers_bytes / MIB:.0f}",
    )


async def _serve(document: Path, folder: Path, table: Table) -> None:
    application = Application(Settings(data_dir=folder / "data", log_level="error"))
    async with application.running():
        gc.freeze()  # as `pagemill serve` does
        task = await _read(application, document, table)
        await _deliver(application, task, table)


# --- tables ----------------------------------------------------------------------------------------------------------


def _print_steps(documents: Sequence[Path]) -> None:
    table = Table("CPU ms a page", *(document.stem for document in documents), title="The steps of a page")
    columns = [_steps(document) for document in documents]
    for step in columns[0]:
        table.add_row(step, *(f"{column[step]:.2f}" for column in columns))
    table.add_row("all", *(f"{sum(column.values()):.2f}" for column in columns))
    Console(width=_WIDTH).print(table)


def _print_service(document: Path, folder: Path) -> None:
    heads = ("pages/s", "server ms", "workers ms", "pages/CPU s", "server MiB", "worker MiB")
    table = Table("", *heads, title=f"{document.stem}, in the service")
    asyncio.run(_serve(document, folder, table))
    Console(width=_WIDTH).print(table)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.text_layers", description=__doc__.split("\n\n")[0])
    parser.add_argument("--document", type=Path, help="a PDF whose pages all have text layers, to measure, too")
    parser.add_argument("--pages", type=int, default=2000, help="pages of the document that is made (default 2000)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        made = digital_pdf(Path(name) / "full pages of text.pdf", arguments.pages)
        documents = [made, *filter(None, [arguments.document])]
        _print_steps(documents)
        for document in documents:
            _print_service(document, Path(name) / document.stem)


if __name__ == "__main__":
    main()
