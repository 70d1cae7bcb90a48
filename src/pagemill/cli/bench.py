"""`pagemill bench`: measures how fast this machine reads generated pages, and how much memory that takes."""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from pagemill import configs
from pagemill.cli.bench_pages import make_pdf, page_words
from pagemill.domain.errors import PageUnreadable
from pagemill.domain.page.page import Page
from pagemill.library import Pages, Session
from pagemill.settings import Settings

CAUTION = "Measured on clean, generated print; scans differ. Other work on this machine makes it slower."


@dataclass(frozen=True)
class Measured:
    """The measurements.

    Attributes:
        first_page_s: From nothing running to the first page: starting a worker, loading models, reading.
        pages_per_s: Of the pages after the first.
        peak_mb: Highest resident memory of a worker on any page.
        reserved_mb: Memory reserved for that worker.
        words_found: Share of the printed words that were read correctly, 0 … 1.
    """

    engine: str
    profile: str
    device: str
    threads: int
    pages: int
    first_page_s: float
    pages_per_s: float
    peak_mb: int
    reserved_mb: int
    words_found: float


def measure(
    settings: Settings, *, pages: int, engine: str, profile: str, now: Callable[[], float] = time.perf_counter
) -> Measured:
    """Read this many pages (at least two) in the usual way, with a fresh start.

    Raises:
        PagemillError: A page could not be read.
    """
    document = make_pdf(pages)
    begun = now()
    with Session(settings) as session:
        reading = session.ocr(document, ocr="force", engine=engine, profile=profile)
        read = [(page, now()) for page in reading]
        _check(reading)
        receipt = reading.receipt
    (_, first), (_, last) = read[0], read[-1]
    return Measured(
        engine=engine,
        profile=profile,
        device=", ".join(receipt.devices),
        threads=configs.threads(settings),
        pages=len(read),
        first_page_s=round(first - begun, 2),
        pages_per_s=round((len(read) - 1) / max(last - first, 1e-6), 3),
        peak_mb=receipt.peak_mb or 0,
        reserved_mb=receipt.reserved_mb or 0,
        words_found=round(words_found([page for page, _ in read]), 4),
    )


def _check(pages: Pages) -> None:
    for page in pages.unread:
        raise PageUnreadable(f"Nothing was measured: page {page.number} could not be read: {page.message}")


def words_found(pages: Sequence[Page]) -> float:
    """The share of the words on these pages that the engine read correctly, 0 … 1."""
    found = total = 0
    for page in pages:
        expected = Counter(word for line in page_words(page.number) for word in line)
        found += (expected & Counter(page.text.split())).total()
        total += expected.total()
    return found / total


def render_table(measured: Measured, *, as_json: bool) -> str:
    """The measurements as text."""
    if as_json:
        return json.dumps(asdict(measured))
    return (
        f"{measured.engine}/{measured.profile} on {measured.device}, {measured.threads} threads, "
        f"{measured.pages} A4 pages at 200 dpi\n"
        f"  first page      {measured.first_page_s:.1f} s, including the start of a worker and its models\n"
        f"  then            {measured.pages_per_s:.2f} pages/s ({1 / measured.pages_per_s:.2f} s per page)\n"
        f"  peak memory     {measured.peak_mb} MiB of {measured.reserved_mb} MiB reserved\n"
        f"  words found     {measured.words_found:.1%}\n"
        f"{CAUTION}"
    )
