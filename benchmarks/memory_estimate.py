"""Measures how well estimates match the peaks of pages that a real server reserved and learned, page by page."""

import hashlib
import json
import random
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.memory_documents import varied_images
from benchmarks.memory_runs import follow
from tests.fixtures.server import Server

from pagemill.domain.memory import CPU, MIB, MemoryNeed
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.engines.registry import engine_specs
from pagemill.memory.estimator import LearningEstimator, seeds_of

LEARNED_FROM = 30
MADE = 80
ORDERS = 100
SUFFIXES = frozenset({".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})

_PAGES = "SELECT task_id, peak_bytes FROM task_pages WHERE state = 'done' ORDER BY finished_at"
_RESERVED = (
    "SELECT task_id, json_extract(details, '$.reserved_mb') FROM task_events "
    "WHERE event_type = 'resource_released' AND json_extract(details, '$.peak_mb') > 0 ORDER BY sequence"
)
_LEARNED = "SELECT value FROM learned_state WHERE name = 'memory estimates'"


@dataclass(frozen=True)
class Read:
    """One page as a server read it.

    Attributes:
        pixels: Of its image, by which the estimator knows it.
        peak_bytes: The most its worker held meanwhile.
        own_bytes: Of that, what earlier pages had not left behind: what is learned from.
        reserved_bytes: What the server had promised the worker.
    """

    pixels: float
    peak_bytes: int
    own_bytes: int
    reserved_bytes: int

    @property
    def left_bytes(self) -> int:
        """What earlier pages had left behind in the worker: measured before, and reserved beside the estimate."""
        return self.peak_bytes - self.own_bytes


def report(scratch: Path, *, folder: Path | None, engine: str, settings: Mapping[str, str]) -> None:
    """Read pages one by one on a fresh server, then compare each reservation with the peak."""
    files = _shuffle_documents(folder) if folder is not None else list(varied_images(scratch, MADE))
    read = _read(files, engine, settings)
    later = read[LEARNED_FROM:]
    print(f"\nReserved for {len(read)} pages on {engine} ({folder or 'made by script'}), one by one, against peaks")
    print(f"{'':46}{'pages':>5}{'covered':>10}{'median over':>13}{'largest over':>14}{'worst under':>13}")
    _print(f"first {LEARNED_FROM} (seeded)", [_over_share(page.reserved_bytes, page) for page in read[:LEARNED_FROM]])
    _print(f"after {LEARNED_FROM}, still learning", [_over_share(page.reserved_bytes, page) for page in later])
    _print(f"after {LEARNED_FROM}, learning stopped there", _estimate_stopped(engine, read))
    orders = [random.Random(seed).sample(read, len(read)) for seed in range(ORDERS)]  # noqa: S311 (no secret)
    _print(
        f"the same in {ORDERS} other orders", [share for order in orders for share in _estimate_stopped(engine, order)]
    )
    alone = [replace(page, peak_bytes=page.own_bytes) for page in read]
    _print("what earlier pages left in workers not counted", _estimate_stopped(engine, alone))
    sizes, peaks = [page.pixels / 1e6 for page in read], [page.peak_bytes / MIB for page in read]
    print(
        f"pages of {min(sizes):.1f} to {max(sizes):.1f} megapixels, peaks of {min(peaks):.0f} to {max(peaks):.0f} MiB"
    )
    print("targets after 30 pages: covered 99 % of pages, median over 25 %")


def _shuffle_documents(folder: Path) -> list[Path]:
    """The documents in a fixed random order, so that the first are as varied as the rest."""
    documents = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return sorted(documents, key=lambda path: hashlib.sha256(path.name.encode()).digest())


def _read(files: Sequence[Path], engine: str, settings: Mapping[str, str]) -> list[Read]:
    """Every page that was read, in order, according to the server's records."""
    alone = {"TASKS__MAX_QUEUE_SIZE": "1000", "TASKS__PAGES_PER_BATCH": "1"}
    with tempfile.TemporaryDirectory(prefix="pagemill-bench-") as folder:
        data = Path(folder) / "data"
        with Server(data, settings={**settings, **alone}) as server:
            for file in files:
                answer = server.api.post(file, ocr="force", engine=engine)
                if answer.status_code == 202:
                    follow(server, [answer.json()["task_id"]])
        with closing(sqlite3.connect(data / "pagemill.db")) as database:
            return _read_recorded(database, engine)


def _read_recorded(database: sqlite3.Connection, engine: str) -> list[Read]:
    """Peaks and reservations by page, without tasks that have a failed page: its reservation is ambiguous."""
    pages = database.execute(_PAGES).fetchall()
    ((value,),) = database.execute(_LEARNED)
    (learned,) = (one["ram"] for one in json.loads(value)["model_sets"] if one["engine"] == engine)
    reserved: dict[str, list[int]] = defaultdict(list)
    for task, reserved_mb in database.execute(_RESERVED):
        reserved[task].append(reserved_mb * MIB)
    counts = Counter(task for task, _ in pages)
    promises = {task: iter(reserved[task]) for task, count in counts.items() if count == len(reserved[task])}
    return [
        Read(pixels, peak, int(own), next(promises[task]))
        for (task, peak), (pixels, own) in zip(pages, learned, strict=True)
        if task in promises
    ]


def _estimate_stopped(engine: str, read: Sequence[Read]) -> list[float]:
    """The unused part of each reservation, if the estimator had learned only from the first pages."""
    key = ModelSetKey(engine, "accurate", (), CPU)
    estimator = LearningEstimator(seeds_of(engine_specs().values()))
    for page in read[:LEARNED_FROM]:
        estimator.observe(key, pixels=int(page.pixels), batch_size=None, peak=MemoryNeed(page.own_bytes))
    return [
        _over_share(estimator.peak(key, pixels=int(page.pixels)).ram_bytes + page.left_bytes, page)
        for page in read[LEARNED_FROM:]
    ]


def _over_share(reserved_bytes: int, page: Read) -> float:
    """The share of the peak that was reserved but not used; negative if the reservation was too small."""
    return reserved_bytes / page.peak_bytes - 1


def _print(name: str, over: Sequence[float]) -> None:
    if not over:
        return
    covered = sum(share >= 0 for share in over) / len(over)
    print(f"{name:46}{len(over):5}{covered:10.1%}{median(over):13.1%}{max(over):14.1%}{min(0.0, *over):13.1%}")
