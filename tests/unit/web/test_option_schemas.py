"""What fits the schema of an option is understood: the schemas are as strict as the code."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pagemill.domain.documents import DocumentKind, parse_page_range
from pagemill.domain.errors import InvalidPageRange
from pagemill.web.option_schemas import LABELS, WEBHOOK_URL, option_schemas
from pagemill.web.options import FIELD_NAMES, LABEL, label_filter, parse_options
from pagemill.web.problems import RequestRefused
from pagemill.web.receiving import MEDIA_TYPES

PATTERNS = {name: str(schema["pattern"]) for name, schema in option_schemas().items() if "pattern" in schema}
TEXTS = st.characters(codec="utf-8")


@pytest.mark.parametrize("name", PATTERNS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_text_of_the_form_is_understood(name: str, data: st.DataObject) -> None:
    longest = option_schemas()[name].get("maxLength", 10_000)
    assert isinstance(longest, int)
    text = data.draw(st.from_regex(PATTERNS[name], fullmatch=True, alphabet=TEXTS))[:longest]
    if re.fullmatch(PATTERNS[name], text):
        parse_options({name: text})


def refusal_of(text: str) -> str:
    try:
        parse_page_range(text, 9999)
    except InvalidPageRange as error:
        return error.message
    return ""


@given(st.from_regex(PATTERNS["pages"], fullmatch=True))
def test_a_page_range_of_the_form_fails_only_for_its_numbers(text: str) -> None:
    assert "not valid" not in refusal_of(text)


@pytest.mark.parametrize(
    "labels", [{}, {"a": ""}, {"customer": "17", 'é\\ "': "\n\t/:"}, {str(n): "x" for n in range(32)}]
)
def test_labels_as_json_writes_them_fit(labels: dict[str, str]) -> None:
    assert re.fullmatch(LABELS, json.dumps(labels, ensure_ascii=False))


@pytest.mark.parametrize(
    "text",
    ['{"a": 1}', "[]", '{"a:b": "c"}', '{"": "x"}', '{"a": "b",}', "x", json.dumps({str(n): "x" for n in range(33)})],
)
def test_what_is_no_labels_fits_neither(text: str) -> None:
    assert re.fullmatch(LABELS, text) is None
    with pytest.raises(RequestRefused):
        parse_options({"labels": text})


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook",
        "http://a.b.c.example.com:8080?x=@",
        "http://127.0.0.1:1/",
        "https://[2001:db8::1]:443/a",
    ],
)
def test_urls_as_people_write_them_fit(url: str) -> None:
    assert re.fullmatch(WEBHOOK_URL, url)
    parse_options({"webhook_url": url})


@given(st.from_regex(LABEL, fullmatch=True, alphabet=TEXTS))
def test_a_label_of_the_form_is_looked_for(text: str) -> None:
    name, _, value = text.partition(":")
    assert label_filter([text]) == {name: value}


@pytest.mark.parametrize("text", ["", "a", ":", ":a", "a" * 65 + ":b", "a:" + "b" * 256, "a:\0"])
def test_other_labels_are_refused(text: str) -> None:
    with pytest.raises(RequestRefused):
        label_filter([text])


def test_a_field_of_a_form_is_never_null() -> None:
    assert option_schemas().keys() == FIELD_NAMES
    assert "null" not in json.dumps(option_schemas())


def test_every_kind_of_document_has_a_media_type() -> None:
    assert set(MEDIA_TYPES) == set(DocumentKind)
