"""Pages a second, peak memory and accuracy against a plain loop: `python -m benchmarks.throughput`.

The contenders run in turn, each in a process of its own, on the same pages and the same cores, as often as `--rounds`
says; the best round counts, because a busy machine only ever slows a run down. Memory is what the contender's processes
hold together, sampled every 20 ms, what they share counted once (the sum of PSS). The service is measured without the
client that sends it the documents, and no contender with this benchmark.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.contenders import CONTENDERS, IMAGES
from benchmarks.memory_meter import processes_below
from benchmarks.samples import sample_pages
from benchmarks.scoring import Score, score
from rich.console import Console
from rich.table import Table

from pagemill.memory.probes.process import ProcessProbe

_SAMPLED_EVERY_S = 0.02
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Run:
    """One contender's run over all pages.

    Attributes:
        seconds: For all pages, loading and warming up not counted.
        again_seconds: The same a second time, by the same processes.
        peak_bytes: Most that all its processes held together, by the sum of PSS.
    """

    seconds: float
    again_seconds: float
    peak_bytes: int


def main() -> None:
    """Make the pages, run all contenders, print the table."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truths = lay_out(folder, arguments)
        runs: dict[str, list[Run]] = {contender: [] for contender in CONTENDERS}
        for _ in range(arguments.rounds):
            for contender, done in runs.items():
                done.append(run_contender(contender, folder))
        scores = {contender: scores_of(contender, folder, truths) for contender in CONTENDERS}
        _print(runs, scores)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__.split("\n\n")[0])
    parser.add_argument("--pages", type=int, default=14, help="pages to make (default 14, every layout twice)")
    parser.add_argument("--rounds", type=int, default=1, help="rounds for each contender; the best counts")
    parser.add_argument("--folder", type=Path, help="read these images instead; NNN.csv beside NNN.jpg is its truth")
    return parser.parse_args()


# --- pages -----------------------------------------------------------------------------------------------------------


def lay_out(folder: Path, arguments: argparse.Namespace) -> dict[str, str]:
    """Put the pages where the contenders look for them; the true texts by the pages' names."""
    (folder / "pages").mkdir()
    (warm_up,) = sample_pages(1, seed=1)
    warm_up.image.save(folder / "warm-up.png")
    if arguments.folder is not None:
        return _copy_source(arguments.folder, folder / "pages")
    truths = {}
    for page in sample_pages(arguments.pages):
        page.image.save(folder / "pages" / f"{page.name}.png")
        truths[page.name] = page.text
    return truths


def _copy_source(source: Path, target: Path) -> dict[str, str]:
    truths = {}
    for image in sorted(path for path in source.iterdir() if path.suffix.lower() in IMAGES):
        truth = image.with_suffix(".csv")
        if truth.exists():
            shutil.copy(image, target)
            truths[image.stem] = _sroie_text(truth)
    if not truths:
        raise SystemExit(f"{source} holds no image with a .csv of the same name beside it.")
    return truths


def _sroie_text(path: Path) -> str:
    """The text of a file in the form of ICDAR-2019 SROIE: eight coordinates, then the text of a line."""
    rows = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(row.split(",", 8)[8] for row in rows if row.count(",") >= 8)


# --- runs ------------------------------------------------------------------------------------------------------------


def run_contender(contender: str, folder: Path, *, settings: Mapping[str, str] | None = None) -> Run:
    """Run one contender over a folder that `lay_out` filled, in a process of its own, with settings by variable."""
    command = [sys.executable, "-m", "benchmarks.contenders", contender, str(folder), str(_cores())]
    environment = {**os.environ, **(settings or {})}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        measured = process.stdout.readline() if process.stdout is not None else ""
        watch = _MemoryWatch(json.loads(measured)["pid"] if measured else process.pid)
        watch.start()
        output, _ = process.communicate()
        watch.finish()
    if process.returncode:
        raise SystemExit(f"{contender} failed; see for yourself: {' '.join(command)}")
    seconds, again_seconds = json.loads(output.splitlines()[-1])["seconds"]
    return Run(seconds, again_seconds, watch.peak_bytes)


class _MemoryWatch(threading.Thread):
    """Samples the memory of a process and all its descendants.

    PSS takes milliseconds for each process, so it is looked at where the resident size is higher than it ever was.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self._probe = ProcessProbe()
        self._root = pid
        self._most_resident = 0
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(_SAMPLED_EVERY_S):
            self._look()

    def finish(self) -> None:
        """Stop sampling."""
        self._over.set()
        self.join()

    def _look(self) -> None:
        tree = (self._root, *processes_below(self._root))
        uses = (self._probe.use(pid) for pid in tree)
        resident = sum(use.rss_bytes for use in uses if use is not None)
        if resident > self._most_resident:
            self._most_resident = resident
            self.peak_bytes = max(self.peak_bytes, sum(self._probe.pss_bytes(pid) or 0 for pid in tree))


def _cores() -> int:
    return len(os.sched_getaffinity(0))


# --- table -----------------------------------------------------------------------------------------------------------


def scores_of(contender: str, folder: Path, truths: dict[str, str]) -> list[Score]:
    """How well the contender's last run read each page."""
    texts = (folder / "pages" / f"{name}.{contender}.txt" for name in truths)
    return [score(text.read_text(encoding="utf-8"), truth) for text, truth in zip(texts, truths.values(), strict=True)]


def _print(runs: dict[str, list[Run]], scores: dict[str, list[Score]]) -> None:
    pages = len(next(iter(scores.values())))
    table = Table(title=f"{pages} pages on {_cores()} cores")
    for heading in ("", "pages/s", "ratio", "again", "ratio", "peak MiB", "ratio", "word F1", "character errors"):
        table.add_column(heading, justify="left" if not heading else "right")
    plain = _find_best(next(iter(runs.values())))
    for contender, done in runs.items():
        best = _find_best(done)
        table.add_row(
            contender,
            f"{pages / best.seconds:.2f}",
            f"{plain.seconds / best.seconds:.2f}",
            f"{pages / best.again_seconds:.2f}",
            f"{plain.again_seconds / best.again_seconds:.2f}",
            f"{best.peak_bytes / _MIB:.0f}",
            f"{best.peak_bytes / plain.peak_bytes:.2f}",
            f"{fmean(page.word_f1 for page in scores[contender]):.4f}",
            f"{_error_rate(scores[contender]):.2%}",
        )
    Console().print(table)


def _find_best(runs: Sequence[Run]) -> Run:
    return Run(
        min(run.seconds for run in runs),
        min(run.again_seconds for run in runs),
        max(run.peak_bytes for run in runs),
    )


def _error_rate(scores: Sequence[Score]) -> float:
    return sum(page.character_errors for page in scores) / sum(page.characters for page in scores)


if __name__ == "__main__":
    main()
