"""hOCR and ALTO keep to their specifications, and read back they give the same words in the same places."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from pagemill.documents.words import Bounds
from pagemill.documents.writers import ResultWriters
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Block, BlockKind, Line, Page, PageSource, Polygon, Table, TableCell, Word
from pagemill.domain.task.results import ResultHeader

HEADER = ResultHeader(
    task_id="01TASK",
    document='a "quoted"; name & <tag> \x07.pdf',
    pages_total=3,
    finished_at=datetime(2026, 1, 2, tzinfo=UTC),
    pagemill_version="1.2.3",
)
XHTML = "{http://www.w3.org/1999/xhtml}"
ALTO = "{http://www.loc.gov/standards/alto/ns-v4#}"


def rectangle(left: float, top: float, right: float, bottom: float, rise: float = 0) -> Polygon:
    """A rectangle whose right end stands `rise` lower than its left one."""
    return ((left, top), (right, top + rise), (right, bottom + rise), (left, bottom))


def word(text: str, left: float, top: float, *, confidence: float | None = None) -> Word:
    return Word(text=text, polygon=rectangle(left, top, left + 40, top + 20), confidence=confidence)


def line(text: str, *words: Word, rise: float = 0) -> Line:
    edges = Bounds.of(words[0].polygon)
    return Line(text=text, polygon=rectangle(edges.left, edges.top, 300, edges.bottom, rise), words=words)


LINES = {
    BlockKind.TITLE: line('A & "B" <c>', word("A", 10, 10, confidence=0.987), word("&", 60, 10), word('"B"', 110, 10)),
    BlockKind.TEXT: line("合同编号 2026日期", word("合同编号", 10, 50), word("2026", 60, 50), word("日期", 110, 50)),
    BlockKind.CAPTION: line("rising text", word("rising", 10, 100, confidence=1), word("text", 60, 105), rise=6),
    BlockKind.HEADER: Line(text="as one", polygon=rectangle(10.4, 150.6, 90.5, 170), confidence=0.5),
    BlockKind.LIST: line("bell\x07 \ud83d", word("bell\x07", 10, 200), word("\ud83d", 60, 200)),
}


TABLE = Block(
    polygon=rectangle(10, 500, 300, 600),
    lines=(line("in", word("in", 10, 500)), line("a cell", word("a", 110, 500), word("cell", 160, 500))),
    kind=BlockKind.TABLE,
    table=Table(
        rows=2,
        columns=2,
        cells=(
            TableCell(row=0, column=0, row_span=2, lines=(0,), text="in"),
            TableCell(row=0, column=1, lines=(1,), text="a cell"),
            TableCell(row=1, column=1),
        ),
    ),
)


def page(number: int) -> Page:
    blocks = [Block(polygon=each.polygon, lines=(each,), kind=kind) for kind, each in LINES.items()]
    figure = Block(polygon=rectangle(0, 300, 100, 400), kind=BlockKind.FIGURE)
    formula = Block(polygon=rectangle(0, 420, 100, 450), kind=BlockKind.FORMULA)
    everything = (*blocks, TABLE, figure, formula)
    return Page(number=number, width_px=600, height_px=800, dpi=199.6, source=PageSource.OCR, blocks=everything)


def write_tree(name: str) -> ET.Element:
    """Page 1, an unread page 2, page 3."""
    writer = ResultWriters()[name]
    unread = writer.mark_unread(2, TaskFailureReason.TIMEOUT, 'Too "slow" <1 s>\x00.')
    parts = [writer.begin(HEADER), writer.page(page(1)), unread, writer.page(page(3)), writer.end()]
    return ET.fromstring(b"".join(parts))  # noqa: S314 - ours


@dataclass(frozen=True)
class ReadWord:
    """A word as a reader of the file has it, and whether a space stands before it."""

    text: str
    box: tuple[float, float, float, float]
    confidence: float | None
    is_spaced: bool


EXPECTED = [
    ReadWord("A", (10, 10, 50, 30), 0.987, False),
    ReadWord("&", (60, 10, 100, 30), None, True),
    ReadWord('"B"', (110, 10, 150, 30), None, True),
    ReadWord("合同编号", (10, 50, 50, 70), None, False),
    ReadWord("2026", (60, 50, 100, 70), None, True),
    ReadWord("日期", (110, 50, 150, 70), None, False),
    ReadWord("rising", (10, 100, 50, 120), 1, False),
    ReadWord("text", (60, 105, 100, 125), None, True),
    ReadWord("as one", (10.4, 150.6, 90.5, 170), 0.5, False),
    ReadWord("bell\N{REPLACEMENT CHARACTER}", (10, 200, 50, 220), None, False),
    ReadWord("\N{REPLACEMENT CHARACTER}", (60, 200, 100, 220), None, True),
    ReadWord("in", (10, 500, 50, 520), None, False),
    ReadWord("a", (110, 500, 150, 520), None, False),
    ReadWord("cell", (160, 500, 200, 520), None, True),
]


# --- hOCR ------------------------------------------------------------------------------------------------------------


def properties(element: ET.Element) -> dict[str, list[str]]:
    """The properties in a title: `bbox 0 0 10 10; x_wconf 90`."""
    parts = (part.split() for part in element.get("title", "").split("; "))
    return {name: values for name, *values in parts}


def of_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if element.get("class") == name]


def hocr_words(root: ET.Element) -> Iterator[ReadWord]:
    parents = {child: parent for parent in root.iter() for child in parent}
    for element in of_class(root, "ocrx_word"):
        siblings = list(parents[element])
        at = siblings.index(element)
        found = properties(element)
        left, top, right, bottom = map(float, found["bbox"])
        confidence = float(found["x_wconf"][0]) / 100 if "x_wconf" in found else None
        yield ReadWord(
            element.text or "", (left, top, right, bottom), confidence, at > 0 and siblings[at - 1].tail == " "
        )


def test_hocr_reads_back_the_same_words_and_boxes() -> None:
    root = write_tree("hocr")
    for number in (1, 3):
        (shown,) = (each for each in of_class(root, "ocr_page") if each.get("id") == f"page_{number}")
        words = list(hocr_words(shown))
        assert [(each.text, each.is_spaced) for each in words] == [(each.text, each.is_spaced) for each in EXPECTED]
        for read, expected in zip(words, EXPECTED, strict=True):
            assert read.box == pytest.approx(expected.box, abs=0.5)
            assert read.confidence == (
                None if expected.confidence is None else pytest.approx(expected.confidence, abs=0.005)
            )


def test_hocr_pages_say_where_they_come_from() -> None:
    first, unread, third = of_class(write_tree("hocr"), "ocr_page")
    assert properties(first)["bbox"] == ["0", "0", "600", "800"]
    assert properties(first)["scan_res"] == ["200", "200"]
    assert [properties(each)["ppageno"] for each in (first, unread, third)] == [["0"], ["1"], ["2"]]
    assert "timeout" in "".join(unread.itertext())
    assert first.get("title", "").startswith("image \"a 'quoted', name & <tag> \N{REPLACEMENT CHARACTER}.pdf\"; ")


@pytest.mark.parametrize(("rotation", "names"), [(0, "image"), (90, "x_source"), (180, "x_source")])
def test_hocr_names_no_image_over_which_its_words_would_stand_wrong(rotation: int, names: str) -> None:
    writer = ResultWriters()["hocr"]
    turned = page(1).model_copy(update={"rotation": rotation})
    shown = ET.fromstring(b"".join([writer.begin(HEADER), writer.page(turned), writer.end()]))  # noqa: S314 - ours
    (shown_page,) = of_class(shown, "ocr_page")
    assert properties(shown_page).keys() & {"image", "x_source"} == {names}


def test_hocr_nests_as_its_specification_has_it() -> None:
    root = write_tree("hocr")
    capabilities = next(each for each in root.iter(f"{XHTML}meta") if each.get("name") == "ocr-capabilities")
    allowed = (capabilities.get("content") or "").split()
    used = {each.get("class") for each in root.iter() if each.get("class")} - {"unread"}
    assert used <= set(allowed)
    ids = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    parents = {child: parent for parent in root.iter() for child in parent}
    nesting = {(parents[each].get("class"), each.get("class")) for each in root.iter() if each.get("class")}
    lines = {"ocr_line", "ocr_header", "ocr_caption"}
    assert nesting == {
        (None, "ocr_page"),
        ("ocr_page", "unread"),
        ("ocr_page", "ocr_carea"),
        ("ocr_page", "ocr_photo"),
        ("ocr_page", "ocr_math"),
        ("ocr_page", "ocr_table"),
        (None, "ocr_line"),
        ("ocr_carea", "ocr_par"),
        *(("ocr_par", each) for each in lines),
        *((each, "ocrx_word") for each in lines),
    }


def test_hocr_has_tables_as_tables() -> None:
    table = of_class(write_tree("hocr"), "ocr_table")[0]
    assert table.tag == f"{XHTML}table"
    assert properties(table)["bbox"] == ["10", "500", "300", "600"]
    cells = [["".join(cell.itertext()) for cell in row] for row in table]
    assert cells == [["in", "a cell"], [""]]
    assert table[0][0].attrib == {"rowspan": "2"}


def test_hocr_tells_the_slope_of_lines_that_are_not_level() -> None:
    root = write_tree("hocr")
    (sloping, _) = of_class(root, "ocr_caption")
    slope, offset = map(float, properties(sloping)["baseline"])
    assert slope == pytest.approx(6 / 290, abs=1e-4)
    assert offset == pytest.approx(-6)
    assert not any("baseline" in properties(each) for each in of_class(root, "ocr_line"))


# --- ALTO ------------------------------------------------------------------------------------------------------------


def test_alto_references_lead_somewhere_and_ids_are_unique() -> None:
    root = write_tree("alto")
    ids = [each.attrib["ID"] for each in root.iter() if "ID" in each.attrib]
    assert len(ids) == len(set(ids))
    references = {
        each.attrib[key] for each in root.iter() for key in ("TAGREFS", "PROCESSINGREFS") if key in each.attrib
    }
    assert references <= set(ids)


def alto_words(root: ET.Element) -> Iterator[ReadWord]:
    for text_line in root.iter(f"{ALTO}TextLine"):
        is_spaced = False
        for element in text_line:
            if element.tag == f"{ALTO}String":
                left, top, width, height = (float(element.attrib[key]) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
                confidence = float(element.attrib["WC"]) if "WC" in element.attrib else None
                box = (left, top, left + width, top + height)
                yield ReadWord(element.attrib["CONTENT"], box, confidence, is_spaced)
            is_spaced = element.tag == f"{ALTO}SP"


def test_alto_reads_back_the_same_words_and_boxes() -> None:
    pages = {each.attrib["PHYSICAL_IMG_NR"]: each for each in write_tree("alto").iter(f"{ALTO}Page")}
    assert list(pages) == ["1", "2", "3"]
    for number in ("1", "3"):
        words = list(alto_words(pages[number]))
        assert [(each.text, each.confidence, each.is_spaced) for each in words] == [
            (each.text, each.confidence, each.is_spaced) for each in EXPECTED
        ]
        for read, expected in zip(words, EXPECTED, strict=True):
            assert read.box == pytest.approx(expected.box, abs=0.11)


def test_alto_has_tables_as_composed_blocks_of_cells() -> None:
    table = next(write_tree("alto").iter(f"{ALTO}ComposedBlock"))
    assert table.attrib["TYPE"] == "table"
    cells = {each.attrib["ID"]: [one.attrib["CONTENT"] for one in each.iter(f"{ALTO}String")] for each in table}
    assert cells == {"cell_1_6_1_1": ["in"], "cell_1_6_1_2": ["a", "cell"]}


def test_alto_names_what_could_not_be_read() -> None:
    unread = next(each for each in write_tree("alto").iter(f"{ALTO}Page") if each.attrib["ID"] == "page_2")
    assert unread.attrib["QUALITY"] == "Missing"
    assert "timeout" in unread.attrib["QUALITY_DETAIL"]
