"""Server-sent events are understood wherever the stream is cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from pagemill.client.event_stream import EventStreamReader, Message
from pagemill.client.following_calls import known_event

STREAM = (
    '\ufeffretry: 2000\n\n: nothing new\n\nid: 7\nevent: page_done\ndata: {"größe": 1}\n\n'
    "data: a\r\ndata:b\r\ndata\r\n\r\nevent: lost\n\nid: 9\rdata:  c\r\rdata: unfinished"
)
MESSAGES = [Message("7", "page_done", '{"größe": 1}'), Message("7", "message", "a\nb\n"), Message("9", "message", " c")]


@given(cuts=st.lists(st.integers(0, len(STREAM.encode())), max_size=8))
def test_messages_are_the_same_however_the_stream_is_cut(cuts: list[int]) -> None:
    data, reader = STREAM.encode(), EventStreamReader()
    ends = [0, *sorted(cuts), len(data)]
    chunks = [data[start:end] for start, end in pairwise(ends)]
    assert [message for chunk in chunks for message in reader.feed(chunk)] == MESSAGES


@pytest.mark.parametrize("data", [b"id: a\0b\ndata: x\n\n", b"unknown: 1\ndata: x\n\n", b": data: y\ndata: x\n\n"])
def test_what_means_nothing_is_left_out(data: bytes) -> None:
    assert list(EventStreamReader().feed(data)) == [Message("", "message", "x")]


def test_an_event_that_only_a_newer_service_knows_is_left_out_and_a_new_field_passed_over() -> None:
    event: dict[str, JsonValue] = {
        "sequence": 7,
        "event_type": "page_done",
        "timestamp": "2026-01-01T00:00:00Z",
        "details": {},
        "new": 1,
    }
    assert [each.sequence for each in known_event(event)] == [7]
    assert known_event({**event, "event_type": "page_framed"}) == []
