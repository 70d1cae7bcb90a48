"""When a call is tried again, after how long, and when no more."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemill.client.errors import (
    AnswerNotUnderstood,
    ClientError,
    DocumentUnusable,
    Problem,
    ServiceRefusal,
    ServiceUnreachable,
    WaitedTooLong,
    refusal,
)
from pagemill.client.retries import Retrying, RetryRules, may_be_tried_again


@dataclass
class Time:
    at: float = 0.0

    def now(self) -> float:
        return self.at


def latest(low: float, high: float) -> float:
    return max(low, high)


def make_refusal(status: int, code: str, *, retryable: bool, retry_after_s: float | None = None) -> ServiceRefusal:
    problem = Problem(status=status, code=code, detail="No.", retryable=retryable)
    return refusal(problem, retry_after_s=retry_after_s)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (ServiceUnreachable("Gone."), True),
        (make_refusal(429, "queue_full", retryable=True), True),
        (make_refusal(503, "pool_exhausted", retryable=True), True),
        (make_refusal(409, "duplicate_submission", retryable=True), True),
        (make_refusal(408, "upload_stalled", retryable=True), True),
        (make_refusal(502, "http_error", retryable=False), True),
        (make_refusal(429, "http_error", retryable=False), True),
        (make_refusal(500, "internal_error", retryable=False), False),
        (make_refusal(500, "http_error", retryable=False), False),
        (make_refusal(409, "result_not_ready", retryable=True), False),
        (make_refusal(507, "never_fits", retryable=False), False),
        (make_refusal(422, "invalid_document", retryable=False), False),
        (AnswerNotUnderstood("What?"), False),
        (DocumentUnusable("No file."), False),
        (WaitedTooLong("Still."), False),
    ],
)
def test_only_what_may_help_is_tried_again(error: ClientError, *, again: bool) -> None:
    assert may_be_tried_again(error) is again
    retrying = Retrying(RetryRules(), now=Time().now, spread=latest)
    if again:
        assert retrying.pause_after(error) > 0
    else:
        with pytest.raises(type(error)) as raised:
            retrying.pause_after(error)
        assert raised.value is error


def test_pauses_double_up_to_a_limit_and_begin_anew_after_a_success() -> None:
    rules = RetryRules(first_delay_s=1, longest_delay_s=5, total_s=1000)
    retrying = Retrying(rules, now=Time().now, spread=latest)
    gone = ServiceUnreachable("Gone.")
    assert [retrying.pause_after(gone) for _ in range(5)] == [1, 2, 4, 5, 5]
    retrying.start_over()
    assert retrying.pause_after(gone) == 1


def test_what_the_service_asks_for_goes_before_our_own_pace() -> None:
    rules = RetryRules(first_delay_s=1, longest_delay_s=5, total_s=1000)
    retrying = Retrying(rules, now=Time().now, spread=latest)
    assert retrying.pause_after(make_refusal(429, "queue_full", retryable=True, retry_after_s=60)) == 61


def test_a_pause_that_would_end_too_late_is_not_begun() -> None:
    time = Time()
    retrying = Retrying(RetryRules(first_delay_s=1, total_s=10), now=time.now, spread=latest)
    time.at = 8.9
    retrying.pause_after(ServiceUnreachable("Gone."))
    time.at = 9.1
    with pytest.raises(ServiceUnreachable):
        retrying.pause_after(ServiceUnreachable("Gone."))
    retrying.start_over()
    assert retrying.pause_after(ServiceUnreachable("Gone.")) == 1


def test_a_refusal_knows_of_an_answer_that_was_lost_before_it() -> None:
    retrying = Retrying(RetryRules(), now=Time().now, spread=latest)
    for first, lost in ((ServiceUnreachable("Gone."), True),):
        retrying.pause_after(first)
        with pytest.raises(ServiceRefusal) as raised:
            retrying.pause_after(make_refusal(409, "illegal_transition", retryable=False))
        assert raised.value.reply_was_lost is lost
    fresh = Retrying(RetryRules(), now=Time().now, spread=latest)
    fresh.pause_after(make_refusal(503, "pool_exhausted", retryable=True))
    with pytest.raises(ServiceRefusal) as raised:
        fresh.pause_after(make_refusal(409, "illegal_transition", retryable=False))
    assert not raised.value.reply_was_lost


@given(
    rules=st.builds(
        RetryRules,
        first_delay_s=st.sampled_from([0.01, 0.5, 1]),
        longest_delay_s=st.sampled_from([0.5, 2]),
        total_s=st.sampled_from([0, 1, 3]),
    ),
    asked=st.lists(st.sampled_from([None, 0, 1, 2, 5]), max_size=200),
)
def test_no_call_waits_longer_than_it_may_and_every_one_ends(rules: RetryRules, asked: list[float | None]) -> None:
    time = Time()
    retrying = Retrying(rules, now=time.now, spread=latest)
    for retry_after in asked:
        try:
            pause = retrying.pause_after(make_refusal(503, "memory", retryable=True, retry_after_s=retry_after))
        except ServiceRefusal:
            break
        assert pause >= (retry_after or 0)
        time.at += pause
        assert time.at <= rules.total_s
