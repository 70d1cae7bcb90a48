"""Headers, footers and page numbers in generated documents: part `furniture` of `python -m benchmarks.accuracy`.

An error is a page whose text has one of its headers, footers or numbers, or lacks a line of its own. Nothing warns of
either, so that each is silent. Before means all lines of a page in its text.
"""

import random
from collections.abc import Callable, Mapping
from itertools import count, islice

from pagemill.domain.page.furniture import with_furniture, without_furniture
from pagemill.domain.page.page import Line, Page, PageSource
from pagemill.domain.page.reading_order import blocks_in_reading_order

WIDTH, HEIGHT, SIZE, PAGES, DOCUMENTS = 1240, 1754, 24, 12, 20
_WORDS = (
    "harbour", "boats", "morning", "pilots", "houses", "windows", "storms", "winter", "lamps", "quay",
    "market", "letters", "voyage", "barrels", "captain", "weather", "northern", "bridge", "evening", "market",
    "engine", "report", "figures", "council",
)  # fmt: skip

Furniture = Callable[[int, random.Random], list[Line]]


def _line(text: str, x: float, y: float, size: float = SIZE) -> Line:
    right = x + 0.5 * size * len(text)
    return Line(text=text, polygon=((x, y), (right, y), (right, y + size), (x, y + size)))


def _misread(text: str, chance: random.Random) -> str:
    """One letter in thirty is another."""
    return "".join(chance.choice("ilo0e") if chance.random() < 1 / 30 else letter for letter in text)


def _head_and_number(number: int, chance: random.Random) -> list[Line]:
    shift = chance.uniform(-12, 12)
    return [_line(_misread("The Harbour in Winter", chance), 500, 70 + shift), _line(str(number), 610, 1660 + shift)]


def _left_and_right(number: int, chance: random.Random) -> list[Line]:
    shift = chance.uniform(-12, 12)
    if number % 2:
        return [_line(_misread("Chapter 3: Storms", chance), 420, 70 + shift), _line(str(number), 1100, 70 + shift)]
    return [_line(str(number), 110, 70 + shift), _line(_misread("A. Writer", chance), 640, 70 + shift)]


def _report(number: int, chance: random.Random) -> list[Line]:
    foot = f"Page {number + 2} of 90"
    return [
        _line("Annual report 2026", 110, 60),
        _line(_misread("Harbour Board, confidential", chance), 110, 1640),
        _line(foot, 1000, 1640),
    ]


def _letterhead(number: int, _chance: random.Random) -> list[Line]:
    """A letterhead of five rows, which is not furniture; the number is."""
    rows = ("Harbour Bakery Ltd", "12 Quay Street", "Newhaven", "Telephone 555 0100", "bakery@example.com")
    return [*(_line(text, 110, 50 + 30 * at) for at, text in enumerate(rows)), _line(str(number), 610, 1690)]


def _nothing(_number: int, _chance: random.Random) -> list[Line]:
    return []


KINDS: Mapping[str, tuple[Furniture, int]] = {
    "header and number": (_head_and_number, 0),
    "left and right pages": (_left_and_right, 0),
    "report with a footer": (_report, 0),
    "letterhead of five rows": (_letterhead, 5),
    "no furniture": (_nothing, 0),
}
"""What is printed at the edges, and how many of its first lines belong to the page's own text."""


def _body(chance: random.Random) -> list[Line]:
    rows = chance.randint(20, 34)
    return [_line(" ".join(chance.choices(_WORDS, k=9)), 110, 240 + 36 * at) for at in range(rows)]


def _errors(kind: str, seed: int) -> tuple[int, int]:
    """Pages of one document that are wrong before and after."""
    furniture, own = KINDS[kind]
    chance = random.Random(f"{kind} {seed}")  # noqa: S311 - test pages, not secrets
    pages, wanted, left_out = [], [], []
    for number in islice(count(1), PAGES):
        edges, body = furniture(number, chance), _body(chance)
        lines = [*edges, *body]
        blocks = blocks_in_reading_order(lines, width_px=WIDTH, height_px=HEIGHT)
        pages.append(
            Page(number=number, width_px=WIDTH, height_px=HEIGHT, dpi=150, source=PageSource.OCR, blocks=blocks)
        )
        wanted.append(sorted(line.text for line in [*edges[:own], *body]))
        left_out.append(len(edges) > own)
    after = (sorted(line.text for line in without_furniture(page).lines) for page in with_furniture(pages))
    return sum(left_out), sum(text != right for text, right in zip(after, wanted, strict=True))


def report() -> str:
    """The table, as Markdown."""
    rows = ["| documents | silent errors per 100 pages, before | after |", "|---|---:|---:|"]
    for kind in KINDS:
        found = [_errors(kind, seed) for seed in range(DOCUMENTS)]
        before, after = (100 * sum(each[at] for each in found) / (PAGES * DOCUMENTS) for at in (0, 1))
        rows.append(f"| {kind} | {before:.1f} | {after:.1f} |")
    return "\n".join(rows)
