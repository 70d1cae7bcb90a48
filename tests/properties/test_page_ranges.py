"""`parse_page_range` against a plain account of what ranges mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemill.domain.documents import parse_page_range
from pagemill.domain.errors import InvalidPageRange

counts = st.sampled_from([1, 2, 3, 7, 2000])
spaces = st.sampled_from(["", " ", "  "])


@st.composite
def pages(draw: st.DrawFn, page_count: int) -> tuple[int, str]:
    """A page and one of the two ways to name it."""
    page = draw(st.one_of(st.integers(1, min(page_count, 4)), st.integers(max(1, page_count - 3), page_count)))
    return page, draw(st.sampled_from([str(page), str(page - page_count - 1)]))


@st.composite
def parts(draw: st.DrawFn, page_count: int) -> tuple[set[int], str]:
    """One part of a range and the pages it means."""
    (first, first_name), (last, last_name) = sorted((draw(pages(page_count)), draw(pages(page_count))))
    space = draw(spaces)
    match draw(st.sampled_from(["one", "span", "open"])):
        case "one":
            return {first}, f"{space}{first_name}{space}"
        case "span":
            return set(range(first, last + 1)), f"{first_name}{space}-{space}{last_name}"
        case _:
            return set(range(first, page_count + 1)), f"{first_name}{space}-"


@given(st.data(), counts)
def test_a_range_names_the_union_of_its_parts_in_order(data: st.DataObject, page_count: int) -> None:
    drawn = data.draw(st.lists(parts(page_count), min_size=1, max_size=4))
    meant = sorted(set[int]().union(*(numbers for numbers, _ in drawn)))
    assert parse_page_range(",".join(text for _, text in drawn), page_count) == tuple(meant)


@given(counts, spaces)
def test_an_empty_range_names_every_page(page_count: int, text: str) -> None:
    assert parse_page_range(text, page_count) == tuple(range(1, page_count + 1))


@given(st.text(alphabet="0123456789-, \t\n.x²٣", max_size=12), counts)
def test_any_text_is_pages_of_the_document_or_a_clear_refusal(text: str, page_count: int) -> None:
    try:
        numbers = parse_page_range(text, page_count)
    except InvalidPageRange:
        return
    assert numbers
    assert set(numbers) <= set(range(1, page_count + 1))
    assert list(numbers) == sorted(set(numbers))


@pytest.mark.parametrize("text", ["0", "4", "-4", "0-2", "2-9", "3-1", "1,,2", ",", "1-2-3", "a", "1.5", "--1", "-"])
def test_what_names_no_page_of_three_is_refused(text: str) -> None:
    with pytest.raises(InvalidPageRange, match="page range"):
        parse_page_range(text, 3)


def test_a_huge_number_is_refused_without_being_counted_up_to() -> None:
    with pytest.raises(InvalidPageRange):
        parse_page_range("1-999999999999999999999", 3)
