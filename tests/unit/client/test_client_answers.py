"""What a newer service adds to its answers does no harm; what is wrong in them is still seen."""

import json

import pytest

from pagemill.client.calls import parse_answer
from pagemill.client.errors import AnswerNotUnderstood
from pagemill.client.transport import Reply
from pagemill.domain.page.page import Block, Line, Page, PageSource, Word

PLACE = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0))
PAGE = Page(
    number=3,
    width_px=10,
    height_px=10,
    dpi=None,
    source=PageSource.OCR,
    blocks=(Block(polygon=PLACE, lines=(Line(text="a", polygon=PLACE, words=(Word(text="a", polygon=PLACE),)),)),),
)


def with_more(value: object) -> object:
    """The same with one more member in every object."""
    if isinstance(value, dict):
        return {"mood": "calm", **{name: with_more(each) for name, each in value.items()}}
    return [with_more(each) for each in value] if isinstance(value, list) else value


def test_a_page_with_more_members_is_the_same_page() -> None:
    more = json.dumps(with_more(json.loads(PAGE.to_json()))).encode()
    assert more.count(b"mood") == 4
    assert parse_answer(Reply(200, {}, more), Page) == PAGE


def test_a_page_with_fewer_is_not_understood() -> None:
    with pytest.raises(AnswerNotUnderstood):
        parse_answer(Reply(200, {}, b'{"number": 3}'), Page)
