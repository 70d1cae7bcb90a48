"""Scanned documents made by script, of pages as large and as small as people send them."""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

from benchmarks.samples import DPI, sample_pages
from PIL import Image, ImageDraw

SCALES = (1.0, 0.5, 1.4, 0.75, 2.0, 0.35, 1.15, 2.8)
"""Sides of pages against their usual size: A4 at 70 to 560 dpi."""
_PAPER = (248, 248, 248)
_LAYOUTS = 7


def make_documents(folder: Path, *, count: int, pages: int) -> list[Path]:
    """`count` PDFs of full-size pages with a quarter of a page's text each.

    Memory is that of a full page (the sheet is as large, its lines as wide); time is a quarter of it.
    """
    return _save_all(folder, cycle([_make_sparse(sample.image) for sample in sample_pages(_LAYOUTS)]), count, pages)


def varied_images(folder: Path, count: int, *, seed: int = 2026) -> Iterator[Path]:
    """Page images of very different sizes, one file each; every third with a full page of text."""
    for number, sample in enumerate(sample_pages(count, seed=seed)):
        image = sample.image if number % 3 == 0 else _make_sparse(sample.image)
        scale = SCALES[number % len(SCALES)]
        path = folder / f"page-{number:03}.jpg"
        size = (round(image.width * scale), round(image.height * scale))
        image.resize(size, Image.Resampling.BICUBIC).save(path, quality=90)
        yield path


def _make_sparse(image: Image.Image) -> Image.Image:
    sheet = Image.new("RGB", image.size, _PAPER)
    sheet.paste(image.crop((0, 0, image.width, image.height // 4)))
    return sheet


def _save_all(folder: Path, images: Iterator[Image.Image], count: int, pages: int) -> list[Path]:
    return [_save(folder / f"document-{number:03}.pdf", list(islice(images, pages))) for number in range(count)]


def _save(path: Path, images: Sequence[Image.Image]) -> Path:
    """A scan; the name on its first page makes every document different."""
    first = images[0].copy()
    ImageDraw.Draw(first).text((5, 5), path.stem, fill=0)
    first.save(path, save_all=True, append_images=images[1:], resolution=DPI, quality=85)
    return path
