import pytest

from pagemill.domain.page.page import Block, Line, Page, PageSource
from pagemill.domain.work.languages import common_language, language_of, name_languages

CASES = [
    ("Все люди рождаются", "", "und-Cyrl"),
    ("Все люди рождаются", "ru", "ru"),
    ("Все люди рождаются", "ru,en,de", "ru"),
    ("Все люди рождаются", "ru,uk", "und-Cyrl"),
    ("Все люди рождаются", "ar,de", "und-Cyrl"),
    ("Все люди рождаются Pagemill", "de,ru", "ru"),
    ("Все люди Pagemill", "de,ru", None),
    ("يولد جميع الناس", "", "und-Arab"),
    ("يولد جميع الناس", "fa", "fa"),
    ("Όλοι οι άνθρωποι", "", "el"),
    ("ทุกคนเกิดมา", "", "th"),
    ("모든 사람은 태어날", "", "ko"),
    ("人人生而自由", "", None),
    ("人人生而自由", "zh", "zh"),
    ("人人生而自由", "zh,ja", None),
    ("人人生而自由", "zh,ru", "zh"),
    ("すべての人間は", "", "ja"),
    ("すべての人間は", "zh", "ja"),
    ("All human beings", "", None),
    ("All human beings", "en", "en"),
    ("All human beings", "en,de", None),
    ("All human beings", "en,ru", "en"),
    ("All human beings", "ru", None),
    ("Přátelé žlutí", "cs", "cs"),
    ("12.50 17", "en", None),
    ("25 α + β = γ", "", None),
    ("α β γ", "", None),
    ("All human beings", "frak", None),
    ("All human beings", "sr-Latn", "sr-Latn"),
    ("", "en", None),
]


@pytest.mark.parametrize(("text", "named", "tag"), CASES)
def test_a_language_is_named_only_if_it_is_known(text: str, named: str, tag: str | None) -> None:
    assert language_of(text, [code for code in named.split(",") if code]) == tag


def page_of(*texts: str) -> Page:
    box = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
    lines = tuple(Line(text=text, polygon=box) for text in texts)
    blocks = (Block(polygon=box, lines=lines), Block(polygon=box))
    return Page(number=1, width_px=9, height_px=9, dpi=None, source=PageSource.OCR, blocks=blocks)


def test_each_line_has_its_own_and_json_omits_what_is_not_known() -> None:
    page = name_languages(page_of("Все люди рождаются", "All human beings", "25"), ())
    assert [line.language for line in page.lines] == ["und-Cyrl", None, None]
    assert page.to_json().count(b'"language"') == 1
    assert Page.from_json(page.to_json()) == page


def test_a_page_without_anything_to_name_stays_the_same() -> None:
    page = page_of("All human beings", "25")
    assert name_languages(page, ()) is page


@pytest.mark.parametrize(
    ("texts", "tag"),
    [
        (("Все люди", "25", "рождаются"), "ru"),
        (("Все люди", "All human"), None),
        (("25",), None),
        (("Все люди", "Όλοι οι άνθρωποι"), None),
    ],
)
def test_a_block_is_in_a_language_if_all_its_lines_with_letters_are(texts: tuple[str, ...], tag: str | None) -> None:
    assert common_language(name_languages(page_of(*texts), ["ru"]).lines) == tag
