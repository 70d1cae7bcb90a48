"""Documents for a run of chaos, made by script: many digital pages, small scans, and both in one file."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from tests.data.documents import page_image
from tests.data.make_pages import ENGLISH, text_page
from tests.data.pdfs import PdfPageSpec, image_at, make_pdf, text_at

SIZE_PT = (259, 86)
LINES = 6
SMALL_SHARE = 0.3


@dataclass(frozen=True)
class ChaosDocument:
    """A document and how many pages it has."""

    path: Path
    pages: int


def make_documents(folder: Path, *, pages: int, seed: int) -> list[ChaosDocument]:
    """Make documents with this many pages in all, each page different."""
    chance = random.Random(seed)  # noqa: S311 - test documents, not secrets
    made: list[ChaosDocument] = []
    left = pages
    while left > 0:
        document = _make(folder / f"document-{len(made):05}", most=left, chance=chance)
        made.append(document)
        left -= document.pages
    return made


def _make(base: Path, *, most: int, chance: random.Random) -> ChaosDocument:
    kind = chance.choices(("digital", "scan", "tiff", "mixed"), (45, 25, 15, 15))[0]
    if kind == "digital":
        count = min(most, chance.randint(4, 24))
        return ChaosDocument(make_pdf(base.with_suffix(".pdf"), list(_digital(base.name, count))), count)
    if kind == "mixed":
        count = min(most, chance.randint(2, 8))
        return ChaosDocument(make_pdf(base.with_suffix(".pdf"), list(_mix_pages(base.name, count))), count)
    count = min(most, chance.randint(1, 4))
    return ChaosDocument(_scan(base, ".pdf" if kind == "scan" else ".tiff", count, chance), count)


def _scan(base: Path, suffix: str, count: int, chance: random.Random) -> Path:
    """Scanned pages, some of which take a moment to read."""
    path = base.with_suffix(suffix)
    pages = [_scanned_page(_label(base.name, page), chance) for page in range(count)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


def _scanned_page(label: str, chance: random.Random) -> Image.Image:
    if chance.random() < SMALL_SHARE:
        return page_image(label).convert("L")
    return text_page((label, *chance.sample(ENGLISH, len(ENGLISH))))


def _digital(name: str, count: int) -> Iterator[PdfPageSpec]:
    for page in range(count):
        lines = (f"{name} page {page + 1} line {line + 1} is text that needs no engine." for line in range(LINES))
        yield PdfPageSpec("".join(text_at(72, 700 - 20 * row, line) for row, line in enumerate(lines)))


def _mix_pages(name: str, count: int) -> Iterator[PdfPageSpec]:
    """Digital and scanned pages in turn."""
    for number, page in enumerate(_digital(name, count)):
        if number % 2 == 0:
            yield page
            continue
        image = page_image(_label(name, number)).convert("L")
        drawn = image_at(0, 0, *SIZE_PT)
        yield PdfPageSpec(drawn, size=SIZE_PT, images=((*image.size, image.tobytes()),))


def _label(name: str, page: int) -> str:
    return f"No {name.rpartition('-')[2]} {page + 1}"
