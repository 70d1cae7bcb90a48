"""The way before Pagemill: an OCR service with an engine of its own for every task, kept forever.

One process; tasks in threads; every engine as it comes, but for the number of threads, so that both ways compute with
as many. Prints a line of JSON for every page: {"task": 0, "page": 1}.

    python -m benchmarks.old_way --threads-per-engine 1 FILE.pdf...
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import numpy as np
import pypdfium2 as pdfium
from numpy.typing import NDArray
from rapidocr import RapidOCR
from rapidocr.utils.output import RapidOCROutput

DPI = 200
PDFIUM = Lock()
"""PDFium may be used by one thread at a time."""


class OCRService:
    """The service that was made for every task."""

    def __init__(self, threads: int) -> None:
        options = {"EngineConfig.onnxruntime.intra_op_num_threads": threads} if threads else {}
        self._engine = RapidOCR(params=options)

    def process(self, document: Path, on_page: Callable[[int], None]) -> list[str]:
        """The text of every page."""
        texts = []
        for number, image in enumerate(page_images(document), start=1):
            result = self._engine(image)
            texts.append("\n".join(result.txts or ()) if isinstance(result, RapidOCROutput) else "")
            on_page(number)
        return texts


def page_images(document: Path) -> Iterator[NDArray[np.uint8]]:
    """Every page as pixels, one after the other."""
    with PDFIUM:
        pdf = pdfium.PdfDocument(document)
        count = len(pdf)
    for index in range(count):
        with PDFIUM:
            image = pdf[index].render(scale=DPI / 72).to_numpy().copy()
        yield image
    with PDFIUM:
        pdf.close()


def run_tasks(documents: Sequence[Path], *, threads_per_engine: int) -> list[OCRService]:
    """Read all documents at the same time; the services stay, because nothing ever released them."""
    printing = Lock()

    def run(task: int) -> OCRService:
        def on_page(number: int) -> None:
            with printing:
                print(json.dumps({"task": task, "page": number}), flush=True)

        service = OCRService(threads_per_engine)
        service.process(documents[task], on_page)
        return service

    with ThreadPoolExecutor(len(documents)) as threads:
        return list(threads.map(run, range(len(documents))))


def main() -> None:
    """Run the tasks; with `--stay`, keep running until the standard input ends."""
    arguments = argparse.ArgumentParser(description="Read documents the old way.")
    arguments.add_argument("documents", nargs="+", type=Path)
    arguments.add_argument("--threads-per-engine", type=int, default=0, help="0 leaves it to the engine")
    arguments.add_argument("--stay", action="store_true")
    given = arguments.parse_args()
    services = run_tasks(given.documents, threads_per_engine=given.threads_per_engine)
    print(json.dumps({"services": len(services)}), flush=True)
    if given.stay:
        input()


if __name__ == "__main__":
    main()
