"""How well the peaks of pages are foretold: what a real server learned, page by page, told again to a new estimator."""

import hashlib
import json
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.memory_documents import varied_images
from benchmarks.memory_runs import follow
from tests.fixtures.server import Server

from pagemill.domain.memory import CPU, MIB, MemoryNeed
from pagemill.domain.recognition import ModelSetKey
from pagemill.engines.registry import engine_specs
from pagemill.memory.estimator import LearningEstimator, seeds_of

LEARNED_FROM = 30
MADE = 80
KEY = ModelSetKey("rapidocr", "accurate", (), CPU)
SUFFIXES = frozenset({".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})


@dataclass(frozen=True)
class Judged:
    """One page: what it took, and what was reserved for it before it was known."""

    pixels: float
    peak_bytes: int
    estimate_bytes: int

    @property
    def overshoot(self) -> float:
        """Share of the peak that was reserved in vain; below zero where it was not covered."""
        return self.estimate_bytes / self.peak_bytes - 1


def report(scratch: Path, *, folder: Path | None, settings: Mapping[str, str]) -> None:
    """Read pages one by one on a fresh server, then judge the estimate of every page before it was learned from."""
    files = _shuffled(folder) if folder is not None else list(varied_images(scratch, MADE))
    observed = _observe(files, settings)
    judged = _judge(observed)
    print(f"\nEstimates of {len(observed)} pages ({folder or 'made by script'}), each made before its page was read")
    print(f"{'':34}{'pages':>7}{'covered':>10}{'median over':>13}{'largest over':>14}{'worst under':>13}")
    _print(f"first {LEARNED_FROM} (seeded)", judged[:LEARNED_FROM])
    _print(f"after {LEARNED_FROM}, still learning", judged[LEARNED_FROM:])
    _print(f"after {LEARNED_FROM}, learning stopped there", _judge_frozen(observed))
    pixels = [x / 1e6 for x, _ in observed]
    peaks = [peak / MIB for _, peak in observed]
    print(
        f"pages of {min(pixels):.1f} to {max(pixels):.1f} megapixels, peaks of {min(peaks):.0f} to {max(peaks):.0f} MiB"
    )
    print("targets after 30 pages: covered 99 % of pages, median over 25 %")


def _shuffled(folder: Path) -> list[Path]:
    """Its documents in an order that is always the same and says nothing: the first are to be as varied as the rest."""
    documents = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return sorted(documents, key=lambda path: hashlib.sha256(path.name.encode()).digest())


def _observe(files: Sequence[Path], settings: Mapping[str, str]) -> list[tuple[float, int]]:
    """(pixels, peak) of every page in order, from what the server keeps of what it learned."""
    with tempfile.TemporaryDirectory(prefix="pagemill-bench-") as folder:
        data = Path(folder) / "data"
        with Server(data, settings={**settings, "TASKS__MAX_QUEUE_SIZE": "1000"}) as server:
            for file in files:
                answer = server.api.post(file, ocr="force")
                if answer.status_code == 202:
                    follow(server, [answer.json()["task_id"]])
        with closing(sqlite3.connect(data / "pagemill.db")) as database:
            ((value,),) = database.execute("SELECT value FROM learned_state WHERE name = 'memory estimates'")
    learned = next(one for one in json.loads(value)["model_sets"] if one["engine"] == KEY.engine)
    return [(x, int(peak)) for x, peak in learned["ram"]]


def _judge(observed: Sequence[tuple[float, int]]) -> list[Judged]:
    estimator = LearningEstimator(seeds_of(engine_specs().values()))
    judged = []
    for x, peak in observed:
        judged.append(_before(estimator, x, peak))
        estimator.observe(KEY, pixels=int(x), batch_size=None, peak=MemoryNeed(peak))
    return judged


def _judge_frozen(observed: Sequence[tuple[float, int]]) -> list[Judged]:
    estimator = LearningEstimator(seeds_of(engine_specs().values()))
    for x, peak in observed[:LEARNED_FROM]:
        estimator.observe(KEY, pixels=int(x), batch_size=None, peak=MemoryNeed(peak))
    return [_before(estimator, x, peak) for x, peak in observed[LEARNED_FROM:]]


def _before(estimator: LearningEstimator, x: float, peak: int) -> Judged:
    return Judged(x, peak, estimator.batch(KEY, pixels=int(x)).ram_bytes)


def _print(name: str, pages: Sequence[Judged]) -> None:
    if not pages:
        return
    over = [page.overshoot for page in pages]
    covered = sum(page.estimate_bytes >= page.peak_bytes for page in pages) / len(pages)
    print(f"{name:34}{len(pages):7}{covered:10.1%}{median(over):13.1%}{max(over):14.1%}{min(0, *over):13.1%}")
