"""A document in a JSON body comes out whole, wherever the pieces of the body end and however it is escaped."""

import base64
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pagemill.web.compat.json_body import JsonBody
from pagemill.web.problems import RequestRefused
from pagemill.web.receiving import MAX_FORM_OVERHEAD_BYTES

TEXTS = st.sampled_from(["", '"', "\\", '\\"', ":", "data:", "file", "é", '{"file":"QQ=="}', "\u2028"])
OTHERS = st.dictionaries(st.sampled_from(["a", "b", ":", 'fi"le']), TEXTS | st.lists(TEXTS, max_size=2), max_size=3)
PREFIXES = st.sampled_from(["", "data:application/pdf;base64,", "DATA:;base64,"])


def split(body: bytes, cuts: Sequence[int]) -> list[bytes]:
    at = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    return [body[start:end] for start, end in pairwise(at)]


def take(pieces: Sequence[bytes]) -> tuple[bytes, Mapping[str, object], bool]:
    body = JsonBody(["file"])
    document = b"".join(map(body.feed, pieces))
    return document, body.close(), body.has_document


def escape_as_dotnet(text: str) -> str:
    return text.replace("+", "\\u002B").replace("/", "\\/").replace("A", "\\u0041")


@given(
    document=st.binary(max_size=40),
    before=OTHERS,
    after=OTHERS,
    prefix=PREFIXES,
    cuts=st.lists(st.integers(0, 400), max_size=8),
    escaped=st.booleans(),
    spaced=st.booleans(),
    padded=st.booleans(),
)
@example(
    document=b"\xfb\xff\xfe\x00",
    before={},
    after={},
    prefix="",
    cuts=list(range(400)),
    escaped=True,
    spaced=True,
    padded=False,
)
def test_the_document_and_the_rest_come_apart(
    document: bytes,
    before: dict[str, object],
    after: dict[str, object],
    prefix: str,
    cuts: list[int],
    escaped: bool,
    spaced: bool,
    padded: bool,
) -> None:
    encoded = prefix + base64.b64encode(document).decode()
    encoded = encoded if padded else encoded.rstrip("=")
    value = escape_as_dotnet(encoded) if escaped else encoded
    text = json.dumps({"before": before, "in": [{"file": "PLACE", "after": after}]}, indent=1 if spaced else None)
    body = text.replace("PLACE", value).encode()
    told = {"before": before, "in": [{"file": "", "after": after}]}
    assert take(split(body, cuts)) == (document, told, True)


@pytest.mark.parametrize("cuts", [[], list(range(300))])
@pytest.mark.parametrize("address", ["https://example.org/a.pdf", "http://h/\\u0041", "HTTPS://x/"])
def test_an_address_is_no_document(address: str, cuts: list[int]) -> None:
    body = f'{{"file": "{address}", "b": 1}}'.encode()
    document, told, has_document = take(split(body, cuts))
    assert (document, told, has_document) == (b"", json.loads(body), False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"file": "QUJD',
        b'{"a": "QUJD',
        b'{"file": "QU*D"}',
        b'{"file": "QQ==QQ=="}',
        b'{"file": "Q"}',
        b'{"file": "QUJD\\"}',
        b'{"file": "QUJD\\q"}',
        b'{"file": "\\ud800"}',
        b'{"file": "data:application/pdf,QUJD"}',
        b'{"file": "data:application/pdf;base64"}',
        b'{"file": "data:' + b"x" * 300 + b'"}',
        b'{"file": "QUJDQUJD", "in": {"file": "QUJDQUJD"}}',
        b'{"a": "\xff"}',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": "' + b"x" * (MAX_FORM_OVERHEAD_BYTES + 1) + b'"}',
        b'{"file": "https://' + b"x" * (MAX_FORM_OVERHEAD_BYTES + 1) + b'"}',
        b" " * (MAX_FORM_OVERHEAD_BYTES + 1),
    ],
    ids=lambda body: repr(body[:30]),
)
@pytest.mark.parametrize("step", [1, 7, 2**20])
def test_what_cannot_be_understood_is_refused(body: bytes, step: int) -> None:
    if step == 1 and len(body) > 1000:
        pytest.skip("long, and the pieces of 7 bytes show the same")
    with pytest.raises(RequestRefused) as refusal:
        take([body[at : at + step] for at in range(0, len(body), step)])
    assert refusal.value.code in ("malformed_body", "invalid_request", "body_too_large")


def test_a_long_document_is_never_held_whole() -> None:
    piece = base64.b64encode(bytes(3 * 2**14))
    body = JsonBody(["file"])
    body.feed(b'{"file": "')
    for _ in range(64):
        assert len(body.feed(piece)) >= len(piece) * 3 // 4 - 6
    body.feed(b'"}')
    assert body.close() == {"file": ""}
