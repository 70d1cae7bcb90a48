"""How much is lost where lines bend: `python -m benchmarks.accuracy --part bent`.

Pages are made: typed lines in one or two columns, bent as an open book or curled paper is. Each is read once as before
(the engine, and warnings about ink without words), then flattened. Flat pages, skewed by up to 3 degrees, show how many
were flattened or warned of without need.
"""

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from benchmarks.silent_errors import wrong_lines_of
from PIL import Image
from tests.data.bent import SHAPES, bend, typed_lines, typed_page

from pagemill.documents.accounting import with_warnings
from pagemill.domain.page.doubt import warn_of_doubt
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page
from pagemill.domain.work.engine_spec import Engine, EngineConfig
from pagemill.engines import rapidocr
from pagemill.pool.flat_reading import read_flat

_STRENGTHS = (20, 60, 120)
_SIZE = (1240, 1754)


@dataclass(frozen=True)
class _Case:
    name: str
    picture: Image.Image
    lines: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    name: str
    wrong: int
    silent: int
    wrong_before: int
    silent_before: int
    is_new: bool


def _cases() -> Iterator[_Case]:
    chance = random.Random(14)  # noqa: S311 - test pages, not secrets
    for seed, shape in enumerate(SHAPES):
        for columns in (1, 2):
            picture, lines = _page(seed, columns)
            skewed = picture.rotate(chance.uniform(-3, 3), Image.Resampling.BICUBIC, fillcolor=255)
            yield _Case("flat, up to 3 degrees askew", skewed, lines)
            for pixels in _STRENGTHS:
                yield _Case(f"bent by {pixels} pixels", bend(picture, shape, pixels), lines)


def _page(seed: int, columns: int) -> tuple[Image.Image, tuple[str, ...]]:
    if columns == 1:
        lines = typed_lines(seed, count=36, words=9)
        return typed_page(lines, size=_SIZE), tuple(lines)
    page, lines = Image.new("L", _SIZE, 255), typed_lines(seed + 100, count=60, words=3)
    for at in range(columns):
        part = typed_page(lines[at * 30 : at * 30 + 30], size=(_SIZE[0] // 2 + 60, _SIZE[1]), font=22)
        page.paste(part.crop((60, 0, *part.size)), (at * _SIZE[0] // 2, 0))
    return page, tuple(lines)


def _read(case: _Case, engine: Engine) -> _Found:
    pixels = np.asarray(case.picture)[:, :, None]
    image = PageImage(np.ascontiguousarray(pixels).data, *case.picture.size, 1, None)
    first = engine.read(image, number=1, rotation=None, batch_size=None)
    flat = read_flat(first, image, engine, batch_size=None)
    (wrong_before, silent_before), (wrong, silent) = (_count(case, page, image) for page in (first, flat))
    found = _Found(case.name, wrong, silent, wrong_before, silent_before, flat is not first)
    print(found, file=sys.stderr, flush=True)
    return found


def _count(case: _Case, page: Page, image: PageImage) -> tuple[int, int]:
    wrong = len(wrong_lines_of(case.lines, page.text))
    return wrong, 0 if warn_of_doubt(with_warnings(page, image)).warnings else wrong


def report() -> str:
    """The table."""
    engine = rapidocr.load(EngineConfig("accurate", threads=1))
    found = [_read(case, engine) for case in _cases()]
    engine.close()
    kinds: dict[str, list[_Found]] = {}
    for one in found:
        kinds.setdefault(one.name, []).append(one)
    heads = "errors per 100 pages before | silent before | errors now | silent now | read again"
    rows = [f"| bent pages | pages | {heads} |", "|---|" + "---:|" * 6]
    return "\n".join([*rows, *(_row(name, some) for name, some in kinds.items())])


def _row(name: str, found: list[_Found]) -> str:
    sums = (
        sum(getattr(one, what) for one in found) * 100 / len(found)
        for what in ("wrong_before", "silent_before", "wrong", "silent")
    )
    return (
        f"| {name} | {len(found)} | "
        + " | ".join(f"{one:.0f}" for one in sums)
        + f" | {sum(one.is_new for one in found)} |"
    )
