"""What the log says of an unexpected error: a plain traceback without callers' data, of bounded length."""

import io
import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Literal

import pytest

from pagemill.logs import LONGEST_MESSAGE, LONGEST_TRACEBACK, configure_logging

PAYLOAD = "what a caller sent"


def deep(levels: int) -> None:
    payload = [PAYLOAD] * 10_000
    if levels == 0:
        raise KeyError(len(payload))
    deep(levels - 1)


def endless() -> None:
    payload = [PAYLOAD] * 10_000
    if payload:
        endless()


def raise_nested() -> None:
    json.loads("[" * 100_000)


def wordy() -> None:
    raise ValueError("x" * 5_000_000)


def raise_chain() -> None:
    error = ValueError("first")
    for _ in range(200):
        following = ValueError("next")
        following.__cause__ = error
        error = following
    raise error


def raise_group() -> None:
    raise ExceptionGroup("many", [ValueError("x" * 1000) for _ in range(1000)])


FAILURES: list[Callable[[], None]] = [
    lambda: deep(3),
    lambda: deep(400),
    endless,
    raise_nested,
    wordy,
    raise_chain,
    raise_group,
]


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("failure", FAILURES, ids=["near", "deep", "endless", "nested", "wordy", "chained", "grouped"])
def test_it_is_bounded_in_length_and_time_and_holds_no_data(
    failure: Callable[[], None], form: Literal["console", "json"], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    configure_logging("info", form)
    logger = logging.getLogger("pagemill.test")
    try:
        failure()
    except (Exception, ExceptionGroup):
        begun = time.thread_time()
        logger.exception("it failed")
        took = time.thread_time() - begun
    written = out.getvalue()
    assert "Traceback" in written
    assert "it failed" in written
    assert PAYLOAD not in written
    assert len(written) < LONGEST_TRACEBACK * 1.5
    assert took < 0.05


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_message_is_bounded(form: Literal["console", "json"], monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    configure_logging("info", form)
    logging.getLogger("pagemill.test").info("path %s", "x" * 1_000_000)
    assert len(out.getvalue()) < LONGEST_MESSAGE * 1.5
