"""A page in a notebook: every word where it stands, and nothing of it is markup."""

from html.parser import HTMLParser

from pagemill.domain.page.figure import PageFigure, page_figure
from pagemill.domain.page.page import Block, Line, Page, PageSource, PageWarning, Polygon, WarningKind, Word

EVIL = '</text></svg><script>alert("1")</script><img src=x onerror=alert(1)>&amp;'


class Elements(HTMLParser):
    """What a browser would find."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[dict[str, str | None]] = []
        self.data: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "text":
            self.texts.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.data.append(data)


def box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def page(*lines: Line, warnings: tuple[PageWarning, ...] = ()) -> Page:
    block = Block(polygon=box(0, 0, 100, 50), lines=lines)
    return Page(
        number=3,
        width_px=200,
        height_px=100,
        dpi=72,
        source=PageSource.OCR,
        engine="e",
        blocks=(block,),
        warnings=warnings,
    )


def test_nothing_that_was_read_is_markup() -> None:
    line = Line(text=EVIL, polygon=box(0, 0, 90, 20), words=(Word(text=EVIL, polygon=box(0, 0, 90, 20)),))
    found = Elements(page_figure(page(line, warnings=(PageWarning(kind=WarningKind.OCR_OFF, message=EVIL),))))
    assert found.tags == ["figure", "figcaption", "svg", "text"]
    assert found.data[-1] == EVIL


def test_words_stand_where_they_were_read_and_lines_without_words_do_too() -> None:
    words = (Word(text="a", polygon=box(10, 20, 40, 30), confidence=0.5), Word(text="b", polygon=box(50, 20, 90, 30)))
    found = Elements(page_figure(page(Line(text="a b", polygon=box(10, 20, 90, 30), words=words))))
    assert [each["transform"] for each in found.texts] == [
        "translate(10.0 30.0) rotate(0.0)",
        "translate(50.0 30.0) rotate(0.0)",
    ]
    assert [each["textlength"] for each in found.texts] == ["30.0", "40.0"]
    assert [each["fill"] for each in found.texts] == ["#b00020", "#000"]
    upended = Line(text="up", polygon=((0, 80), (0, 20), (10, 20), (10, 80)), confidence=0.7)
    (text,) = Elements(page_figure(page(upended))).texts
    assert (text["transform"], text["textlength"]) == ("translate(10.0 80.0) rotate(-90.0)", "60.0")
    triangle = Line(text="odd", polygon=((0, 0), (30, 0), (15, 10)))
    assert Elements(page_figure(page(triangle))).texts[0]["transform"] == "translate(0.0 10.0) rotate(0.0)"


def test_a_page_draws_itself_in_a_notebook_and_a_plain_one_knows_nothing_of_that() -> None:
    plain = page(Line(text="a", polygon=box(10, 20, 40, 30)))
    assert PageFigure.from_json(plain.to_json())._repr_html_() == page_figure(plain)
    assert not hasattr(plain, "_repr_html_")
