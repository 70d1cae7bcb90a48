"""Scanned documents made by script, of pages as large and as small as people send them."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from benchmarks.samples import DPI, sample_pages
from PIL import Image

SCALES = (1.0, 0.5, 1.4, 0.75, 2.0, 0.35, 1.15, 2.8)
"""Sides of pages against their usual size: A4 at 70 to 560 dpi."""


def make_documents(folder: Path, *, count: int, pages: int, seed: int = 2026) -> list[Path]:
    """So many PDFs of scanned pages, every one different, all layouts in turn."""
    images = (sample.image for sample in sample_pages(count * pages, seed=seed))
    return [_save(folder / f"document-{number:03}.pdf", list(islice(images, pages))) for number in range(count)]


def make_small_documents(folder: Path, *, count: int, pages: int, seed: int = 2026) -> list[Path]:
    """The same with pages at a third of their size and two thirds of them cut away: read in a moment each."""
    images = (_small(sample.image) for sample in sample_pages(count * pages, seed=seed))
    return [_save(folder / f"document-{number:03}.pdf", list(islice(images, pages))) for number in range(count)]


def varied_images(folder: Path, count: int, *, seed: int = 2026) -> Iterator[Path]:
    """Page images of very different sizes, one file each."""
    for number, sample in enumerate(sample_pages(count, seed=seed)):
        scale = SCALES[number % len(SCALES)]
        size = (round(sample.image.width * scale), round(sample.image.height * scale))
        path = folder / f"page-{number:03}.jpg"
        sample.image.resize(size, Image.Resampling.BICUBIC).save(path, quality=90)
        yield path


def _small(image: Image.Image) -> Image.Image:
    return image.crop((0, 0, image.width, image.height // 4)).resize((image.width // 2, image.height // 8))


def _save(path: Path, images: Sequence[Image.Image]) -> Path:
    images[0].save(path, save_all=True, append_images=images[1:], resolution=DPI, quality=85)
    return path
