"""Times of the real service with its real engine, as JSON: `python -m benchmarks.speed_service PAGES`.

PAGES are those of the long scan: a multiple of 8, or many. Then it has the pages of the short one, which take from 0.5
to 5 seconds, in the same proportion. Figures are taken one after the other, on a service that has nothing else to do.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path

import psutil
from benchmarks.digital import digital_pdf
from benchmarks.samples import DPI, sample_pages
from PIL import Image

from pagemill.app import Application
from pagemill.domain.errors import IllegalTransition
from pagemill.domain.task.task import Task, TaskOptions, TaskStatus
from pagemill.settings import PoolSettings, Settings

_SHORT = 8
_DIGITAL = 300
_IDLE_S = 3


async def measure(folder: Path, long_pages: int) -> dict[str, float]:
    """Seconds and pages a second by name; `digital_models` counts model sets that were loaded for digital pages."""
    images = [sample.image for sample in sample_pages(_SHORT)]  # so the long document has the pages of the short one
    one, short, long = (_scan(folder / f"{pages}.pdf", images, pages) for pages in (1, _SHORT, long_pages))
    settings = Settings(data_dir=folder / "data", log_level="error", pool=PoolSettings(idle_timeout_seconds=_IDLE_S))
    application = Application(settings)
    async with application.running():
        figures = await _of_digital_pages(application, digital_pdf(folder / "digital.pdf", _DIGITAL))
        await _read(application, short)
        figures["warm_s"] = await _read(application, one)
        figures["alone_s"] = await _read(application, short)
        figures["short_s_per_page"] = figures["alone_s"] / _SHORT
        figures["long_s_per_page"] = await _read(application, long) / long_pages
        figures["behind_s"] = await _time_behind(application, long, short)
        await _wait_until_unloaded(application)
        figures["cold_s"] = await _read(application, one)
    return figures


async def _of_digital_pages(application: Application, document: Path) -> dict[str, float]:
    await _read(application, document)
    before = _cpu_seconds()
    await _read(application, document)
    spent = _cpu_seconds() - before
    models = [resident for resident in application.pool.snapshot().model_sets if not resident.key.is_reader]
    return {"digital_pages_per_cpu_s": _DIGITAL / spent, "digital_models": len(models)}


async def _time_behind(application: Application, long: Path, short: Path) -> float:
    """Seconds for the short document, submitted behind the long one."""
    first = await application.submit_file(long, TaskOptions())
    seconds = await _read(application, short)
    with suppress(IllegalTransition):  # it may be over by now
        await application.manager.cancel_task(first.task_id)
    await _wait_for_end(application, first)
    return seconds


async def _wait_until_unloaded(application: Application) -> None:
    for _ in range(600):
        if all(resident.key.is_reader for resident in application.pool.snapshot().model_sets):
            return
        await asyncio.sleep(0.1)
    raise SystemExit("The models were not unloaded within a minute.")


async def _read(application: Application, document: Path) -> float:
    started = time.perf_counter()
    task = await application.submit_file(document, TaskOptions())
    await _wait_for_end(application, task)
    seconds = time.perf_counter() - started
    status = (await application.reader.get_task(task.task_id)).status
    lost = (await application.reader.receipt(task.task_id)).workers_lost
    if status is not TaskStatus.SUCCEEDED or lost:
        raise SystemExit(f"{document.name} ended as {status}, workers lost: {dict(lost) or 'none'}.")
    return seconds


async def _wait_for_end(application: Application, task: Task) -> None:
    async for _ in application.reader.progress(task.task_id):
        pass


def _cpu_seconds() -> float:
    """User and system time of this process and of all that it has started and that still live."""
    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return float(sum(taken.user + taken.system for taken in times))


def _scan(path: Path, images: Sequence[Image.Image], pages: int) -> Path:
    first, *others = islice(cycle(images), pages)
    first.save(path, save_all=True, append_images=others, resolution=DPI, quality=85)
    return path


def main() -> None:
    """Measure in a temporary folder and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(measure(Path(folder), int(sys.argv[1])))))


if __name__ == "__main__":
    main()
