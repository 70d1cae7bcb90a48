"""Measures the cost of the workers' sandbox, side by side with workers without it: `python -m benchmarks.sandbox`.

In every round a worker of each kind starts, reads its document once to warm up, and then again, in turns with the
other. Times are of the processor, the worker's and the server's. What the sandbox costs is the median of the rounds'
differences: what else is at work on the machine meets both of a round. Half of the rounds lie within the range beside
it.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from rich.console import Console
from rich.table import Table
from tests.data.documents import make_scan, make_typed

from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.domain.work.recognition import ChunkParams, RecognitionOptions, Stage
from pagemill.engines.registry import engine_specs, unusable_engines
from pagemill.pool.messages import ChunkEnded, Load, Process, Stop
from pagemill.pool.placement import LocalPlacement, WorkerProcess
from pagemill.pool.sandbox.desks import Sandbox

ENGINE = "tesseract"
KINDS = ("free", "confined")
WANTED_START_MS = 5.0
WANTED_PAGE = 0.01
TURNS = 6


@dataclass(frozen=True)
class Work:
    """The work of a worker.

    Attributes:
        load: What it loads.
        document: What it reads.
        pages: Of that document.
        stage: How.
    """

    load: Load
    document: Path
    pages: int
    stage: Stage


@dataclass(frozen=True)
class Cost:
    """Milliseconds of the processor, worker and server together.

    Attributes:
        start: From its launch until it is ready.
        page: For a page, of a chunk of all pages.
    """

    start: float
    page: float


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sandbox", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="workers of each kind (default 15)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        works = {what: work for what, work in _works(folder).items() if work is not None}
        placements = {"free": LocalPlacement(), "confined": LocalPlacement(sandbox=Sandbox(folder / "data"))}
        title = f"Milliseconds of the processor, medians of {rounds} rounds"
        table = Table("what", *KINDS, "the sandbox costs", "half of the rounds", "wanted", "kept", title=title)
        for what, work in works.items():
            costs = await _measure_placements(work, placements, rounds)
            _add_rows(table, what, costs)
        Console().print(table)


def _works(folder: Path) -> Mapping[str, Work | None]:
    typed = make_typed(folder / "typed.pdf", 200)
    scan = make_scan(folder / "scan.pdf", ["Twelve lines of print, or so it seems to who has to read them"] * 4)
    spec = engine_specs()[ENGINE]
    load = Load(factory=spec.factory, config=EngineConfig("accurate"), files=spec.files, visible_gpus="")
    return {
        "reader, text layer": Work(Load(visible_gpus=""), typed, 200, Stage.TEXT),
        ENGINE: None if ENGINE in unusable_engines(engine_specs()) else Work(load, scan, 4, Stage.OCR),
    }


async def _measure_placements(
    work: Work, placements: Mapping[str, LocalPlacement], rounds: int
) -> Mapping[str, Sequence[Cost]]:
    seen: dict[str, list[Cost]] = {kind: [] for kind in KINDS}
    for number in range(rounds + 1):
        costs = await _measure_round(work, placements, KINDS if number % 2 else KINDS[::-1])
        for kind in KINDS if number else ():  # the first round reads everything from the disk
            seen[kind].append(costs[kind])
    return seen


async def _measure_round(
    work: Work, placements: Mapping[str, LocalPlacement], kinds: Sequence[str]
) -> Mapping[str, Cost]:
    workers, starts = {}, {}
    pages: dict[str, list[float]] = {kind: [] for kind in kinds}
    for kind in kinds:
        workers[kind], starts[kind] = await _start(work, placements[kind])
        await _read(workers[kind], work)
    for turn in range(TURNS):
        for kind in kinds if turn % 2 else kinds[::-1]:
            pages[kind].append(await _read(workers[kind], work) / work.pages)
    for worker in workers.values():
        await worker.send(Stop())
        await worker.wait_for_exit()
        worker.close()
    return {kind: Cost(starts[kind], median(pages[kind])) for kind in kinds}


async def _start(work: Work, placement: LocalPlacement) -> tuple[WorkerProcess, float]:
    began = time.process_time()
    process = await placement.start()
    await process.send(work.load)
    await process.receive()
    return process, _cpu_ms(process.pid) + (time.process_time() - began) * 1000


async def _read(process: WorkerProcess, work: Work) -> float:
    """Have all pages read; milliseconds of both processes."""
    began, before = time.process_time(), _cpu_ms(process.pid)
    pages = tuple(range(1, work.pages + 1))
    params = ChunkParams(str(work.document), pages, work.stage, RecognitionOptions(), page_timeout_s=600)
    await process.send(Process(chunk=1, params=params))
    while not isinstance(reply := await process.receive(), ChunkEnded):
        if reply is None:
            raise SystemExit("The worker ended before it had read its pages.")
    return _cpu_ms(process.pid) - before + (time.process_time() - began) * 1000


def _cpu_ms(pid: int) -> float:
    """CPU time of all its threads, in ms (`schedstat` in proc(5) has nanoseconds)."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e6


def _add_rows(table: Table, what: str, costs: Mapping[str, Sequence[Cost]]) -> None:
    starts = {kind: [cost.start for cost in costs[kind]] for kind in KINDS}
    pages = {kind: [cost.page for cost in costs[kind]] for kind in KINDS}
    _add_row(table, f"{what}: start", starts, most=WANTED_START_MS, wanted=f"< {WANTED_START_MS:g} ms")
    most = WANTED_PAGE * median(pages["free"])
    _add_row(table, f"{what}: a page", pages, most=most, wanted=f"< {WANTED_PAGE:.0%}")


def _add_row(table: Table, what: str, costs: Mapping[str, Sequence[float]], *, most: float, wanted: str) -> None:
    free, confined = (median(costs[kind]) for kind in KINDS)
    more = sorted(after - before for before, after in zip(*(costs[kind] for kind in KINDS), strict=True))
    low, middle, high = quantiles(more, n=4)
    cost = f"{middle:+.3f} ({middle / free:+.1%})"
    kept = "yes" if middle < most else "no"
    table.add_row(what, f"{free:.3f}", f"{confined:.3f}", cost, f"{low:+.3f} … {high:+.3f}", wanted, kept)


if __name__ == "__main__":
    asyncio.run(main())
