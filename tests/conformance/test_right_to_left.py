"""Text that runs from right to left comes out in the order in which it is read, in whatever order a PDF stores it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pikepdf
import pytest
from bidi import get_display
from pikepdf import Array, Dictionary, Name, Pdf
from tests.fixtures.standards import alto_faults, xhtml_faults

from pagemill.documents.glyphless import CharacterCodes, add_font
from pagemill.documents.opening import open_document
from pagemill.documents.words import Bounds
from pagemill.documents.writers import ResultWriters
from pagemill.domain.documents import OcrMode
from pagemill.domain.page.page import Block, BlockKind, Line, Page, PageSource, Polygon, Table, TableCell
from pagemill.domain.task.results import ResultHeader
from pagemill.domain.work.languages import name_languages

_WORD = re.compile(r'(?<=CONTENT=")[^"]+|(?<=>)[^<>]+(?=</span>)')
SIZE = 16
PITCH = SIZE / 2
LEFT, BASELINE = 72.0, 600.0

TEXTS = {
    "Hebrew": "שלום לכל העולם",
    "Arabic": "عقد إيجار شقة في المدينة",
    "Persian": "قرارداد اجارۀ آپارتمان",
    "numbers in Hebrew": "מספר 2026-0417 מיום 12/05/2026 בסך 25,000 שקל",
    "numbers in Arabic": "رقم 2026-0417 بتاريخ 12/05/2026 بمبلغ 25,000 ريال",
    "Arabic digits": "المبلغ ١٢٣٫٥ ريال و٧٨٩ درهم",
    "Latin in Hebrew": "השתמש ב-Python 3.11 כדי להריץ את Pagemill היום",
    "Latin at the end": "البرمجة بلغة R وPython",
    "Latin at the beginning": "Python היא שפה נוחה מאוד ללימוד",
    "brackets": 'מחיר (כולל מע"מ 17%) ועוד [הערה].',
    "per cent in Arabic": "مع الضريبة 15% فقط",
}
"""Each stands in a document of its language."""

MIXED = {
    "a Hebrew word in English": "The word שלום means peace, and so on",
    "two Arabic words in English": "They say السلام عليكم to each other",
    "Hebrew at the end": "Its name is הסכם שכירות",
}


@dataclass(frozen=True)
class Drawn:
    """A letter, its place from the left of the line in letters, and whether a space follows it there."""

    text: str
    at: int


Order = Callable[[Sequence[Drawn]], Sequence[Drawn]]


def from_left(letters: Sequence[Drawn]) -> Sequence[Drawn]:
    return letters


def from_right(letters: Sequence[Drawn]) -> Sequence[Drawn]:
    return letters[::-1]


def words_in_any_order(letters: Sequence[Drawn]) -> Sequence[Drawn]:
    words: list[list[Drawn]] = [[]]
    for letter in letters:
        if words[-1] and letter.at > words[-1][-1].at + 1:
            words.append([])
        words[-1].append(letter)
    return [letter for word in (*words[1::2], *words[::2]) for letter in word]


ORDERS = {"from left": from_left, "from right": from_right, "words in any order": words_in_any_order}


def pdf_of(path: Path, lines: Sequence[Sequence[Drawn]], *, turn: int = 0) -> Path:
    """A page that shows each letter by itself; it is stored so that turning it by `turn` brings it upright."""
    codes = CharacterCodes()
    shown = []
    for row, letters in enumerate(lines):
        for letter in letters:
            x, y = LEFT + PITCH * letter.at, BASELINE - 2 * SIZE * row
            shown.append(f"1 0 0 1 {x} {y} Tm <{codes._code(letter.text):04X}> Tj\n")
    matrix = {0: "1 0 0 1 0 0", 90: "0 1 -1 0 792 0", 180: "-1 0 0 -1 612 792", 270: "0 -1 1 0 0 612"}[turn]
    size = (612, 792) if turn % 180 == 0 else (792, 612)
    with Pdf.new() as pdf:
        font = pdf.make_indirect(Dictionary())
        content = f"q {matrix} cm BT /F1 {SIZE} Tf\n{''.join(shown)}ET Q"
        page = Dictionary(
            Type=Name.Page,
            MediaBox=Array([0, 0, *size]),
            Rotate=turn,
            Resources=Dictionary(Font=Dictionary(F1=font)),
            Contents=pdf.make_stream(content.encode("ascii")),
        )
        pdf.pages.append(pikepdf.Page(page))
        add_font(pdf, codes, font)
        pdf.save(path)
    return path


def draw_text(text: str, *, base: str) -> list[Drawn]:
    return [Drawn(letter, at) for at, letter in enumerate(get_display(text, base_dir=base)) if letter != " "]


def read(path: Path) -> Page:
    with open_document(path) as document:
        page = document.text_page(1, dpi=72, mode=OcrMode.NEVER)
    assert page is not None
    return page


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", TEXTS)
def test_lines_come_in_reading_order_however_they_are_stored(tmp_path: Path, kind: str, order: str, turn: int) -> None:
    texts = [TEXTS[kind], TEXTS["Arabic" if "Arabic" in kind else "Hebrew"]]
    lines = [ORDERS[order](draw_text(text, base="R")) for text in texts]
    page = read(pdf_of(tmp_path / "a.pdf", lines, turn=turn))
    assert [line.text for line in page.lines] == texts


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", MIXED)
def test_words_of_another_direction_stand_in_their_line(tmp_path: Path, kind: str, order: str) -> None:
    texts = ["A page in English begins like this", MIXED[kind], "and goes on like that"]
    page = read(pdf_of(tmp_path / "a.pdf", [ORDERS[order](draw_text(text, base="L")) for text in texts]))
    assert [line.text for line in page.lines] == texts


@pytest.mark.parametrize("order", ORDERS)
def test_words_keep_the_places_where_they_are_seen(tmp_path: Path, order: str) -> None:
    text = "שלום לכל 25 העולם"
    page = read(pdf_of(tmp_path / "a.pdf", [ORDERS[order](draw_text(text, base="R"))]))
    (line,) = page.lines
    assert [word.text for word in line.words] == text.split()
    places = [Bounds.of(word.polygon) for word in line.words]
    right = LEFT + PITCH * len(text)
    for word, place in zip(text.split(), places, strict=True):
        assert (place.left, place.right) == pytest.approx((right - PITCH * len(word), right), abs=0.1)
        right -= PITCH * (len(word) + 1)


@pytest.mark.parametrize("order", ["from left", "from right"])
@pytest.mark.parametrize(
    ("glyphs", "text"),
    [
        (("ا", "لإ", "نتاج"), "الإنتاج"),  # a joined lam and alef, as fonts say it
        (("ا", "ﻹ", "نتاج"), "الإنتاج"),  # as a letter shape of Unicode
        (("ا", "لله"), "الله"),
        (("ﺳ", "ﻼ", "ﻡ"), "سلام"),
    ],
)
def test_joined_letters_and_letter_shapes_become_letters(
    tmp_path: Path, glyphs: Sequence[str], text: str, order: str
) -> None:
    singles = [glyph for each in glyphs for glyph in ([each] if len(each) < 4 else list(each))]
    letters = [Drawn(glyph, at) for at, glyph in enumerate(reversed(singles))]
    page = read(pdf_of(tmp_path / "a.pdf", [ORDERS[order](letters)]))
    assert page.text == text


def test_cells_follow_each_other_from_the_right(tmp_path: Path) -> None:
    rows = [("תאריך", "סכום"), ("אתמול", "42"), ("היום", "17")]
    lines = [
        [*draw_text(amount, base="R"), *(Drawn(each.text, each.at + 30) for each in draw_text(day, base="R"))]
        for day, amount in rows
    ]
    assert read(pdf_of(tmp_path / "a.pdf", lines)).text.split() == [cell for row in rows for cell in row]


@pytest.mark.parametrize("name", ResultWriters())
def test_every_writer_gives_text_in_reading_order(tmp_path: Path, name: str) -> None:
    texts = [TEXTS["Hebrew"], TEXTS["numbers in Hebrew"]]
    page = read(pdf_of(tmp_path / "a.pdf", [from_left(draw_text(text, base="R")) for text in texts]))
    written = ResultWriters()[name].page(page).decode()
    words = written if name in ("text", "markdown", "html", "json") else " ".join(_WORD.findall(written))
    assert all(text in words for text in texts) or name == "csv"


def test_writers_say_which_text_runs_from_right_to_left(tmp_path: Path) -> None:
    lines = [draw_text(TEXTS["Arabic"], base="R"), draw_text("an English line as long as the other", base="L")]
    page = read(pdf_of(tmp_path / "a.pdf", lines))
    assert re.findall(r'<span class="ocr_line" id="\w+"( dir="rtl")?', _write_file("hocr", page)) == [' dir="rtl"', ""]
    assert re.findall(r'<TextLine[^>]*?( BASEDIRECTION="rtl")?>', _write_file("alto", page)) == [
        ' BASEDIRECTION="rtl"',
        "",
    ]
    assert '<p dir="rtl">' in _write_file("html", read(pdf_of(tmp_path / "b.pdf", lines[:1])))
    assert "dir=" not in _write_file("html", read(pdf_of(tmp_path / "c.pdf", lines[1:])))


DIRECTIONS = {
    "right to left": ("שלום לכל העולם", "rtl", "rtl"),
    "with numbers": ("رقم 2026-0417 بمبلغ 25,000", "rtl", "rtl"),
    "with Latin": ("השתמש ב-Python כדי להריץ היום", "rtl", "rtl"),
    "in English": ("The word שלום means peace, and so on", "auto", "ltr"),
    "before English": ("שלום is a word that means peace", "auto", "ltr"),
    "English": ("A page in English", None, None),
    "English within": ("An English line\nוזו שורה בעברית והיא ארוכה", "rtl", "rtl"),
    "numbers": ("12.50 17", None, None),
}
"""The text of a block, and its direction in HTML and in XHTML."""


@pytest.mark.parametrize("kind", [kind for kind in BlockKind if kind is not BlockKind.TABLE])
@pytest.mark.parametrize("case", DIRECTIONS)
def test_every_block_says_its_direction(case: str, kind: BlockKind) -> None:
    text, html, xhtml = DIRECTIONS[case]
    page = _page_of(_block(text, kind))
    assert re.findall(r'<\w+ dir="(\w+)"', _write_file("html", page)) == [html] * (html is not None)
    assert re.findall(r'"par_\w+" dir="(\w+)"', _write_file("hocr", page)) == [xhtml] * (xhtml is not None)


@pytest.mark.parametrize("case", DIRECTIONS)
def test_every_line_says_its_direction(case: str) -> None:
    text, _, xhtml = DIRECTIONS[case]
    lines = [None if xhtml is None else "ltr" if line.isascii() else xhtml for line in text.split("\n")]
    page = _page_of(_block(text, BlockKind.TEXT))
    said = re.findall(r'"line_\w+"(?: dir="(\w+)")?', _write_file("hocr", page))
    assert [each or None for each in said] == lines
    said = re.findall(r'<TextLine [^>]*?(?: BASEDIRECTION="(\w+)")?>', _write_file("alto", page))
    assert [each or None for each in said] == [
        None if line == "An English line" else each for line, each in zip(text.split("\n"), lines, strict=True)
    ]


def test_cells_that_run_from_left_do_not_take_over_the_direction_of_their_table() -> None:
    cells = (("תאריך החשבון", 300), ("-25", 40))
    lines = tuple(Line(text=text, polygon=_box(left, 40, left + 90, 52)) for text, left in cells)
    page = _page_of(Block(polygon=_box(40, 40, 400, 52), lines=lines))
    assert '<table dir="rtl">\n<tr><td dir="rtl">תאריך החשבון</td><td dir="auto">-25</td>' in _write_file("html", page)


@pytest.mark.parametrize(
    ("texts", "direction", "written"),
    [
        (
            {"סכום": ' dir="rtl"', "the word שלום": ' dir="auto"', "a word in English": ""},
            "",
            ["סכום", "the word שלום", "a word in English"],
        ),
        ({"25": ' dir="auto"', "סכום": ' dir="rtl"', "תאריך החשבון": ' dir="rtl"'}, ' dir="rtl"', None),
        ({"25": "", "30": "", "total": ""}, "", ["25", "30", "total"]),
    ],
)
def test_a_recognised_table_and_its_cells_say_their_direction(
    texts: dict[str, str], direction: str, written: list[str] | None
) -> None:
    """A table that runs from right to left begins with the cell that stands at the right of the page."""
    page = _page_of(_table_of(list(texts)))
    order = written or list(reversed(texts))
    row = "".join(f"<td{texts[text]}>{text}</td>" for text in order)
    assert f"<table{direction}>\n<tr>{row}</tr>" in _write_file("html", page)
    assert f'<table class="ocr_table" id="block_1_1"{direction} title' in (hocr := _write_file("hocr", page))
    assert [unescape(word) for word in re.findall(r'"ocrx_word"[^>]*>([^<]+)<', hocr)] == order


def test_a_cell_over_several_columns_of_a_table_from_right_to_left_keeps_its_span() -> None:
    block = _table_of(["25", "תאריך החשבון"])
    assert block.table is not None
    wide = block.table.cells[1].model_copy(update={"column_span": 2})
    table = block.table.model_copy(update={"columns": 3, "cells": (block.table.cells[0], wide)})
    written = _write_file("html", _page_of(block.model_copy(update={"table": table})))
    assert '<tr><td colspan="2" dir="rtl">תאריך החשבון</td><td dir="auto">25</td></tr>' in written


def test_the_heading_says_the_direction_of_the_name() -> None:
    header = ResultHeader(task_id="01TASK", document="חשבון.pdf", pages_total=1)
    assert '<h1 dir="rtl">' in ResultWriters()["html"].begin(header).decode()


@pytest.mark.parametrize("case", DIRECTIONS)
def test_files_that_say_directions_meet_their_standards(case: str) -> None:
    page = _page_of(_block(DIRECTIONS[case][0], BlockKind.TEXT))
    header = ResultHeader(task_id="01TASK", document="a.pdf", pages_total=1)
    files = {}
    for name in ("hocr", "alto"):
        writer = ResultWriters()[name]
        files[name] = writer.begin(header) + writer.page(page) + writer.end()
    assert alto_faults(files["alto"]) == []
    assert xhtml_faults(files["hocr"]) == []


def _table_of(texts: list[str]) -> Block:
    """A table of one row, its cells from left to right on the page."""
    cells = tuple(TableCell(row=0, column=at, lines=(at,), text=text) for at, text in enumerate(texts))
    lines = tuple(Line(text=text, polygon=_box(40 + 90 * at, 40, 120 + 90 * at, 52)) for at, text in enumerate(texts))
    table = Table(rows=1, columns=len(texts), cells=cells)
    return Block(polygon=_box(40, 40, 400, 52), lines=lines, kind=BlockKind.TABLE, table=table)


def _box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _block(text: str, kind: BlockKind) -> Block:
    lines = [
        Line(text=line, polygon=_box(40, 40 + 20 * at, 400, 52 + 20 * at)) for at, line in enumerate(text.split("\n"))
    ]
    return Block(polygon=_box(40, 40, 400, 400), lines=tuple(lines), kind=kind)


def _page_of(block: Block) -> Page:
    return Page(number=1, width_px=612, height_px=792, dpi=72, source=PageSource.OCR, blocks=(block,))


def _write_file(name: str, page: Page) -> str:
    return ResultWriters()[name].page(page).decode()


LANGUAGES = {"ru": "Все люди рождаются", "und-Arab": "يولد جميع الناس", "en": "All human beings", "": "12.50"}


@pytest.mark.parametrize("kind", [kind for kind in BlockKind if kind is not BlockKind.TABLE])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_block_says_its_language_if_it_is_known(language: str, kind: BlockKind) -> None:
    page = name_languages(_page_of(_block(LANGUAGES[language], kind)), ["ru", "en"])
    wanted = [language] if language else []
    assert re.findall(r'^<\w+ lang="([\w-]+)"', _write_file("html", page).split("\n", 1)[1]) == wanted
    assert re.findall(r'"line_\w+"[^>]* lang="([\w-]+)" xml:lang="\1"', _write_file("hocr", page)) == wanted
    assert re.findall(r'<TextLine [^>]*LANG="([\w-]+)"', _write_file("alto", page)) == wanted


def test_a_block_in_two_languages_says_them_line_by_line() -> None:
    text = "Все люди рождаются\nAll human beings"
    page = name_languages(_page_of(_block(text, BlockKind.TEXT)), ["ru", "en"])
    assert "lang=" not in _write_file("html", page)
    assert re.findall(r' lang="(\w+)"', _write_file("hocr", page)) == ["ru", "en"]
    assert re.findall(r'LANG="(\w+)"', _write_file("alto", page)) == ["ru", "en"]


@pytest.mark.parametrize("named", [[], ["ru", "en"], ["zh-Hant"]])
def test_files_that_say_languages_meet_their_standards(named: list[str]) -> None:
    text = "\n".join([*LANGUAGES.values(), "人人生而自由"])
    page = name_languages(_page_of(_block(text, BlockKind.TEXT)), named)
    header = ResultHeader(task_id="01TASK", document="a.pdf", pages_total=1)
    files = {}
    for name in ("hocr", "alto"):
        writer = ResultWriters()[name]
        files[name] = writer.begin(header) + writer.page(page) + writer.end()
    assert b"ocrp_lang" in files["hocr"]
    assert alto_faults(files["alto"]) == []
    assert xhtml_faults(files["hocr"]) == []
