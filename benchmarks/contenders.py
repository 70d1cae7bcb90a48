"""Those who are compared, each run in a process of its own: `python -m benchmarks.contenders NAME FOLDER THREADS`.

Every contender reads the images of a folder by name, after one page to warm up that is not counted, and then all of
them again; it writes what it read beside each image. It prints two lines of JSON: first the process to
measure, with all its children, then how long the pages took, the first time and again.

    FOLDER/warm-up.png            → read first
    FOLDER/pages/01 letter.png    → FOLDER/pages/01 letter.NAME.txt

A loop is measured with all it is. The service is measured without its client, as there is one in another process in
use, too. A contender imports only what it needs.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from pagemill.domain.page.image import PageImage

if TYPE_CHECKING:
    from tests.fixtures.server import Api

_OURS = "PAGEMILL_"
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})

Texts = dict[Path, str]
Passes = tuple[float, float]
"""Seconds for all pages: the first time, and again, after every size of page and line has occurred."""


def plain_loop(warm_up: Path, pages: Sequence[Path], threads: int) -> tuple[Passes, Texts]:
    """A loop over `RapidOCR()` with its defaults: it takes every core, so `threads` is the machine's number."""
    from rapidocr import RapidOCR
    from rapidocr.utils.output import RapidOCROutput

    del threads
    _measure(os.getpid())
    engine = RapidOCR()

    def read(page: Path) -> str:
        result = engine(str(page))
        return "\n".join(result.txts or ()) if isinstance(result, RapidOCROutput) else ""

    read(warm_up)
    return _timed_twice(lambda: {page: read(page) for page in pages})


def bare_engine(warm_up: Path, pages: Sequence[Path], threads: int) -> tuple[Passes, Texts]:
    """Pagemill's engine in a loop, without the service around it."""
    from pagemill.domain.work.engine_spec import EngineConfig
    from pagemill.engines.rapidocr import load

    _measure(os.getpid())
    engine = load(EngineConfig(profile="accurate", threads=threads))

    def read(page: Path) -> str:
        text = engine.read(page_image(page), number=1, rotation=None, batch_size=None).text
        engine.trim()
        return text

    read(warm_up)
    return _timed_twice(lambda: {page: read(page) for page in pages})


def product(warm_up: Path, pages: Sequence[Path], threads: int) -> tuple[Passes, Texts]:
    """Pagemill in use: a server, documents sent over HTTP, read by pooled workers, texts fetched over HTTP."""
    from tests.fixtures.server import Server

    del threads
    settings = {name.removeprefix(_OURS): value for name, value in os.environ.items() if name.startswith(_OURS)}
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), settings=settings) as server:
        _measure(server.process.pid)
        server.api.read(warm_up)

        def read_all() -> Texts:
            tasks = [server.api.submit(page) for page in pages]
            return {page: _text(server.api, task) for page, task in zip(pages, tasks, strict=True)}

        return _timed_twice(read_all)


def _text(api: "Api", task_id: str) -> str:
    api.wait_for_end(task_id)
    return api.text(task_id)


def _measure(pid: int) -> None:
    print(json.dumps({"pid": pid}), flush=True)


def _timed_twice(read_all: Callable[[], Texts]) -> tuple[Passes, Texts]:
    started = time.perf_counter()
    texts = read_all()
    between = time.perf_counter()
    read_all()
    return (between - started, time.perf_counter() - between), texts


def page_image(path: Path) -> PageImage:
    """The pixels of an image file, as they are."""
    stored = cv2.imread(str(path))
    if stored is None:
        raise SystemExit(f"{path} is not an image.")
    pixels = cv2.cvtColor(stored, cv2.COLOR_BGR2RGB)
    height, width, channels = pixels.shape
    return PageImage(pixels.data, width, height, channels, None)


CONTENDERS: Mapping[str, Callable[[Path, Sequence[Path], int], tuple[Passes, Texts]]] = {
    "RapidOCR() in a loop": plain_loop,
    "Pagemill's engine in a loop": bare_engine,
    "Pagemill": product,
}


def main() -> None:
    """Run one contender over a folder; print the seconds it took as JSON."""
    name, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    pages = sorted(path for path in (folder / "pages").iterdir() if path.suffix.lower() in IMAGES)
    passes, texts = CONTENDERS[name](folder / "warm-up.png", pages, threads)
    for page, text in texts.items():
        page.with_name(f"{page.stem}.{name}.txt").write_text(text, encoding="utf-8")
    print(json.dumps({"seconds": passes}))


if __name__ == "__main__":
    main()
