"""Those who are compared, each run in a process of its own: `python -m benchmarks.contenders NAME FOLDER`.

Every contender reads the images of a folder by name, after one page to warm up that is not counted, writes what it read
beside each image and prints how long it took:

    FOLDER/warm-up.png            → read first
    FOLDER/pages/01 letter.png    → FOLDER/pages/01 letter.NAME.txt
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2

from pagemill.app import Application
from pagemill.documents.writers import ResultWriters
from pagemill.domain.engines import EngineConfig
from pagemill.domain.image import PageImage
from pagemill.domain.tasks import Task, TaskOptions
from pagemill.engines.registry import engine_specs
from pagemill.settings import Settings, load_settings

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})

Texts = dict[Path, str]


def plain_loop(warm_up: Path, pages: Sequence[Path], threads: int) -> tuple[float, Texts]:
    """A loop over `RapidOCR()` as it comes: its default takes every core, so `threads` is what the machine has."""
    from rapidocr import RapidOCR
    from rapidocr.utils.output import RapidOCROutput

    del threads
    engine = RapidOCR()

    def read(page: Path) -> str:
        result = engine(str(page))
        return "\n".join(result.txts or ()) if isinstance(result, RapidOCROutput) else ""

    read(warm_up)
    return _timed_loop(read, pages)


def bare_engine(warm_up: Path, pages: Sequence[Path], threads: int) -> tuple[float, Texts]:
    """Pagemill's engine in a loop, without the service around it."""
    from pagemill.engines.rapidocr import load

    engine = load(EngineConfig(profile="accurate", threads=threads))

    def read(page: Path) -> str:
        text = engine.read(page_image(page), number=1, rotation=None, batch_size=None).text
        engine.trim()
        return text

    read(warm_up)
    return _timed_loop(read, pages)


def product(warm_up: Path, pages: Sequence[Path], threads: int) -> tuple[float, Texts]:
    """Pagemill as it is used: documents submitted, read by pooled workers, results taken from the database."""
    del threads
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(overrides={"data_dir": folder, "log_level": "error"})
        return asyncio.run(_serve(settings, warm_up, pages))


async def _serve(settings: Settings, warm_up: Path, pages: Sequence[Path]) -> tuple[float, Texts]:
    application = Application(settings, engines=engine_specs())
    async with application.running():
        await _finished(application, await application.submit_file(warm_up, TaskOptions()))
        started = time.perf_counter()
        tasks = [await application.submit_file(page, TaskOptions()) for page in pages]
        texts = [await _finished(application, task) for task in tasks]
        return time.perf_counter() - started, dict(zip(pages, texts, strict=True))


async def _finished(application: Application, task: Task) -> str:
    async for _ in application.reader.progress(task.task_id):
        pass
    parts = [part async for part in application.reader.write(task.task_id, ResultWriters()["text"])]
    return b"".join(parts).decode()


def _timed_loop(read: Callable[[Path], str], pages: Sequence[Path]) -> tuple[float, Texts]:
    started = time.perf_counter()
    texts = {page: read(page) for page in pages}
    return time.perf_counter() - started, texts


def page_image(path: Path) -> PageImage:
    """The pixels of an image file, as they are."""
    stored = cv2.imread(str(path))
    if stored is None:
        raise SystemExit(f"{path} is no image.")
    pixels = cv2.cvtColor(stored, cv2.COLOR_BGR2RGB)
    height, width, channels = pixels.shape
    return PageImage(pixels.data, width, height, channels, None)


CONTENDERS: Mapping[str, Callable[[Path, Sequence[Path], int], tuple[float, Texts]]] = {
    "RapidOCR() in a loop": plain_loop,
    "Pagemill's engine in a loop": bare_engine,
    "Pagemill": product,
}


def main() -> None:
    """Run one contender over a folder; print the seconds it took as JSON."""
    name, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    pages = sorted(path for path in (folder / "pages").iterdir() if path.suffix.lower() in IMAGES)
    seconds, texts = CONTENDERS[name](folder / "warm-up.png", pages, threads)
    for page, text in texts.items():
        page.with_name(f"{page.stem}.{name}.txt").write_text(text, encoding="utf-8")
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
