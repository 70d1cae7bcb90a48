"""Whatever text comes from outside loses what no database keeps, in every field of everything it can come in by."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from pagemill.domain.documents import OcrMode
from pagemill.domain.errors import PagemillError, TaskFailureReason
from pagemill.domain.page.page import (
    Block,
    Line,
    Page,
    PageSource,
    PageWarning,
    Table,
    TableCell,
    WarningKind,
    Word,
)
from pagemill.domain.task.task import StoredDocument, TaskCreateRequest, TaskOptions, TaskStartRequest
from pagemill.domain.task.webhooks import WebhookFailed
from pagemill.domain.text import REPLACEMENT, TextFromOutside, make_storable, storable_json
from pagemill.domain.work import outcomes
from pagemill.domain.work.outcomes import LossCause, PageFailed, WorkerLoss
from pagemill.pool import messages
from pagemill.pool.messages import LENGTHS, pack, parse_reply

ODD = "a\0b\ud800c\udfffd"
PLAIN = f"a{REPLACEMENT}b{REPLACEMENT}c{REPLACEMENT}d"


def texts(value: object) -> Iterator[str]:
    """All texts within a value, names of members included."""
    match value:
        case Enum():
            return
        case str():
            yield value
        case bytes():
            yield from texts(json.loads(value)) if value else ()
        case Mapping():
            yield from texts([*value.keys(), *value.values()])
        case list() | tuple():
            for each in value:
                yield from texts(each)
        case BaseModel():
            yield from texts(dict(value))
        case _ if is_dataclass(value):
            yield from texts([getattr(value, field.name) for field in fields(value)])


def examples(kind: object) -> list[object]:
    """Values of a type as JSON has them, with `ODD` for every text; for a union, of each of its members."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return examples(arguments[0])
    if origin is Literal:
        return [arguments[0]]
    if origin in (Union, UnionType):
        return [example for argument in arguments for example in examples(argument)]
    if origin is tuple and Ellipsis not in arguments:
        return [[examples(argument)[0] for argument in arguments]]
    if origin in (tuple, list):
        return [[example] for example in examples(arguments[0])]
    if origin in (dict, Mapping):
        return [{ODD: example} for example in examples(arguments[1])]
    if kind in (str, bytes):
        return [ODD if kind is str else ""]
    simple: dict[object, object] = {int: 1, float: 0.5, bool: True, NoneType: None}
    if kind in simple:
        return [simple[kind]]
    assert isinstance(kind, type), kind
    return [next(iter(kind)).value] if issubclass(kind, Enum) else list(compose_examples(kind))


def compose_examples(kind: type) -> Iterator[dict[str, object]]:
    """Each example of each field, with the first of the others."""
    by_field = {name: examples(hint) for name, hint in hints(kind).items()}
    first = {name: found[0] for name, found in by_field.items()}
    for name, found in by_field.items():
        yield from ({**first, name: example} for example in found)


def hints(kind: type) -> dict[str, object]:
    if issubclass(kind, BaseModel):
        return {name: field.annotation for name, field in kind.model_fields.items()}
    assert is_dataclass(kind)
    return {field.name: get_type_hints(kind)[field.name] for field in fields(kind)}


REPLIES = [reply for reply in get_args(messages.Reply) if issubclass(reply, BaseModel)]


@pytest.mark.parametrize("kind", REPLIES, ids=lambda kind: kind.__name__)
def test_every_field_of_every_message_of_a_worker_is_cleaned(kind: type) -> None:
    for example in compose_examples(kind):
        reply = parse_reply(json.dumps(example).encode(), json.dumps(ODD).encode())
        assert all(text == make_storable(text) for text in texts(reply)), example


def test_some_messages_of_workers_bear_texts() -> None:
    found = [text for kind in REPLIES for example in compose_examples(kind) for text in texts(example)]
    assert ODD in found


def test_what_a_worker_says_itself_is_cleaned_before_it_is_sent() -> None:
    frame = pack(messages.Failed(error="EngineFailed", message=ODD, details={"why": ODD}))
    head, _ = LENGTHS.unpack(frame[: LENGTHS.size])
    said = parse_reply(frame[LENGTHS.size : LENGTHS.size + head], b"")
    assert isinstance(said, messages.Failed)
    assert (said.message, said.details) == (PLAIN, {"why": PLAIN})


OUTCOMES = [kind for kind in vars(outcomes).values() if isinstance(kind, type) and is_dataclass(kind)]


@pytest.mark.parametrize("kind", OUTCOMES, ids=lambda kind: kind.__name__)
def test_an_outcome_with_texts_is_one_that_cleans_them(kind: type) -> None:
    has_text = any(hint in (str, str | None) for hint in hints(kind).values())
    assert issubclass(kind, TextFromOutside) is has_text


def test_outcomes_are_cleaned_as_they_are_made() -> None:
    assert WorkerLoss(LossCause.CRASH, ODD).message == PLAIN
    assert PageFailed(1, TaskFailureReason.ENGINE_ERROR, ODD, retryable=True).message == PLAIN


def _errors(kind: type[PagemillError] = PagemillError) -> Iterator[type[PagemillError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _errors(each)


@pytest.mark.parametrize("kind", list(_errors()), ids=lambda kind: kind.__name__)
def test_every_error_of_ours_is_cleaned(kind: type[PagemillError]) -> None:
    error = kind(ODD, why=ODD, pages=3)
    assert (error.message, str(error), error.details) == (PLAIN, PLAIN, {"why": PLAIN, "pages": 3})


def test_what_a_receiver_of_webhooks_answers_is_cleaned() -> None:
    assert WebhookFailed(ODD).message == PLAIN


@pytest.mark.parametrize("kind", [TaskOptions, TaskStartRequest])
def test_every_text_that_is_asked_for_is_cleaned(kind: type[BaseModel]) -> None:
    known = {"ocr": OcrMode.AUTO.value, "dpi": 200, "rotation": 90, "languages": [ODD]}
    for name, hint in hints(kind).items():
        for example in examples(hint):
            given = {**example, **known} if name == "recognition" and isinstance(example, dict) else example
            asked = kind.model_validate({name: given})
            assert all(text == make_storable(text) for text in texts(asked)), (name, given)


def test_what_a_document_is_called_is_cleaned_and_where_it_lies_is_not() -> None:
    document = StoredDocument(path="/in/caf\udce9", name=ODD, size_bytes=1, sha256="")
    assert (document.path, document.name) == ("/in/caf\udce9", PLAIN)
    request = TaskCreateRequest(document, caller=ODD, idempotency_key=ODD)
    assert (request.caller, request.idempotency_key) == (PLAIN, PLAIN)


BOX = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def test_every_text_of_a_page_is_cleaned_as_it_leaves_its_process() -> None:
    line = Line(text=ODD, polygon=BOX, words=(Word(text=ODD, polygon=BOX),))
    table = Table(rows=1, columns=1, cells=(TableCell(row=0, column=0, text=ODD),))
    page = Page(
        number=1,
        width_px=1,
        height_px=1,
        dpi=None,
        source=PageSource.OCR,
        engine=ODD,
        profile=ODD,
        blocks=(Block(polygon=BOX, lines=(line,), table=table),),
        warnings=(PageWarning(kind=WarningKind.UNREAD_INK, message=ODD),),
    )
    assert list(texts(page)).count(ODD) == 6
    assert list(texts(Page.from_json(page.to_json()))).count(PLAIN) == 6


@given(st.text(st.sampled_from('a\\u0d8\0\ud800\udc00\n"')))
def test_json_is_cleaned_as_texts_are(text: str) -> None:
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert json.loads(storable_json(json.dumps({text: [text, 1, None]}).encode())) == {
        make_storable(joined): [make_storable(joined), 1, None]
    }


def test_what_is_fit_to_be_kept_stays_as_it_is() -> None:
    assert make_storable("ä\n\t\x01😀") == "ä\n\t\x01😀"
    assert storable_json(b'{"a": "\\u0001"}') == b'{"a": "\\u0001"}'
