from datetime import timedelta

import pytest

from pagemill.web.negotiation import best_match, preferred_wait

OFFERS = ("text/plain", "text/markdown", "application/json")
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("accept", "best"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("text/*", "text/plain"),
        ("TEXT/Markdown", "text/markdown"),
        ("application/json;q=0.9, text/plain;q=0.8", "application/json"),
        ("text/plain;q=0, */*", "text/markdown"),
        ("text/*;q=0.1, application/json;q=0.2", "application/json"),
        ("application/json; indent=2; q=1", "application/json"),
        ("image/png", None),
        ("*/*;q=0", None),
        ("text/plain;q=abc", "text/plain"),
        (",,;;,", None),
    ],
)
def test_the_best_of_what_is_offered(accept: str, best: str | None) -> None:
    assert best_match(accept, OFFERS) == best


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        (["wait=10"], 10),
        (["Wait = 10"], 10),
        (['wait="10"'], 10),
        (["respond-async, wait=10"], 10),
        (["respond-async", "wait=10; x=y"], 10),
        (["wait=10, wait=20"], 10),
        (["wait=90"], 60),
        (["wait=0"], 0),
        (["wait=-1"], None),
        (["wait=ten"], None),
        (["wait"], None),
        (["wait=99999999999999999999"], None),
        (["await=10"], None),
    ],
)
def test_how_long_a_client_would_wait(headers: list[str], seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert preferred_wait(headers, longest=MINUTE) == expected
