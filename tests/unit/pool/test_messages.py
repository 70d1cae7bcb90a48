import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemill.domain.errors import EncryptedDocument, OutOfMemory, PagemillError, TaskFailureReason
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.domain.work.outcomes import PageFailed, PageNeedsOcr, PageOutcome, PageRead
from pagemill.domain.work.recognition import ChunkParams, RecognitionOptions, Stage
from pagemill.pool.messages import (
    LENGTHS,
    MAX_HEAD_BYTES,
    MAX_PAYLOAD_BYTES,
    Cancel,
    ChunkEnded,
    Failed,
    Inspect,
    Load,
    Made,
    PageEnded,
    PageStarted,
    Process,
    ProtocolError,
    Render,
    Reply,
    Request,
    Stop,
    Trim,
    check_lengths,
    pack,
    parse_reply,
    parse_request,
)

PARAMS = ChunkParams("/tmp/a.pdf", (3, 1), Stage.TEXT, RecognitionOptions(languages=("eng",)), batch_size=4)


def split(frame: bytes) -> tuple[bytes, bytes]:
    head, payload = LENGTHS.unpack(frame[: LENGTHS.size])
    check_lengths(head, payload)
    body = frame[LENGTHS.size :]
    assert len(body) == head + payload
    return body[:head], body[head:]


@pytest.mark.parametrize(
    "request_",
    [
        Load(),
        Load(factory="a.b:C", config=EngineConfig("fast", ("deu",), options={"n": 1, "on": True, "f": 0.5, "s": "1"})),
        Load(structure="a.b:D"),
        Process(chunk=7, params=PARAMS),
        Cancel(chunk=7),
        Inspect(path="/tmp/ä.pdf"),
        Render(document="/tmp/a.pdf", page=2, dpi=150, max_pixels=9, rotation=90, path="/tmp/p.jpg"),
        Trim(),
        Stop(),
    ],
)
def test_requests_arrive_as_they_were_sent(request_: Request) -> None:
    head, payload = split(pack(request_))
    assert parse_request(head) == request_
    assert payload == b""


@pytest.mark.parametrize("reply", [PageStarted(number=2), ChunkEnded(chunk=7, exhausted=True), Made()])
def test_replies_arrive_as_they_were_sent(reply: Reply) -> None:
    assert parse_reply(*split(pack(reply))) == reply


@pytest.mark.parametrize(
    "outcome",
    [
        PageRead(1, b"\x00\xff{}", seconds=0.5, peak_bytes=3, pixels=4, confidence=0.25),
        PageNeedsOcr(2),
        PageFailed(3, TaskFailureReason.OUT_OF_MEMORY, "no memory", retryable=True, peak_bytes=9),
    ],
)
def test_outcomes_keep_their_kind_and_their_bytes(outcome: PageOutcome) -> None:
    head, payload = split(pack(PageEnded(outcome=outcome)))
    reply = parse_reply(head, payload)
    assert isinstance(reply, PageEnded)
    assert reply.outcome == outcome
    assert type(reply.outcome) is type(outcome)


def test_page_bytes_travel_raw() -> None:
    page = b"\xff" * 1000
    head, payload = split(pack(PageEnded(outcome=PageRead(1, page, seconds=0.0, peak_bytes=0))))
    assert payload == page
    assert len(head) < 200


@pytest.mark.parametrize("error", [EncryptedDocument("locked", page=3), OutOfMemory("too little")])
def test_errors_arrive_as_what_they_were(error: PagemillError) -> None:
    reply = parse_reply(*split(pack(Failed.of(error))))
    assert isinstance(reply, Failed)
    again = reply.to_error()
    assert type(again) is type(error)
    assert (again.message, again.details) == (error.message, error.details)


def test_an_error_of_a_newer_worker_is_still_an_error_of_ours() -> None:
    assert type(Failed(error="FromTheFuture", message="?").to_error()) is PagemillError


@pytest.mark.parametrize("lengths", [(0, 0), (MAX_HEAD_BYTES + 1, 0), (1, MAX_PAYLOAD_BYTES + 1)])
def test_lengths_out_of_bounds_are_refused(lengths: tuple[int, int]) -> None:
    with pytest.raises(ProtocolError):
        check_lengths(*lengths)


@given(st.binary(min_size=LENGTHS.size, max_size=64))
def test_junk_is_refused_as_such(junk: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_reply(junk, b"")
    with pytest.raises(ProtocolError):
        parse_request(junk)


def test_text_where_lengths_are_due_is_refused() -> None:
    with pytest.raises(ProtocolError):
        check_lengths(*LENGTHS.unpack(b"WARNING:"))
