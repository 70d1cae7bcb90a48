import signal

import pytest

from pagemill.domain.work.outcomes import LossCause
from pagemill.memory.probes.oom import OomEvidence
from pagemill.pool.deaths import Signs, explain, last_words

COUNTED, LIKELY = OomEvidence.COUNTED, OomEvidence.LIKELY


@pytest.mark.parametrize(
    ("signs", "cause", "words"),
    [
        (Signs(code=-signal.SIGKILL), LossCause.CRASH, "was ended by SIGKILL"),
        (Signs(code=-signal.SIGKILL, oom=COUNTED), LossCause.KERNEL_OOM, "The kernel killed the worker"),
        (Signs(code=-signal.SIGKILL, oom=LIKELY), LossCause.KERNEL_OOM, "most likely"),
        (Signs(code=-signal.SIGSEGV, oom=COUNTED), LossCause.CRASH, "SIGSEGV"),
        (Signs(code=-signal.SIGKILL, asked=LossCause.HANG, oom=COUNTED), LossCause.HANG, "did not answer"),
        (Signs(code=-signal.SIGKILL, asked=LossCause.OVER_RESERVATION), LossCause.OVER_RESERVATION, "reserved"),
        (Signs(code=-signal.SIGKILL, asked=LossCause.MEMORY_PRESSURE), LossCause.MEMORY_PRESSURE, "nearly full"),
        (Signs(code=-signal.SIGKILL, asked=LossCause.PROTOCOL), LossCause.PROTOCOL, "an invalid message"),
        (Signs(code=0), LossCause.CRASH, "exited with code 0"),
        (Signs(code=None), LossCause.CRASH, "its exit status is not known"),
        (Signs(code=None, is_seen=False), LossCause.HANG, "its process still runs"),
        (Signs(code=None, is_seen=False, asked=LossCause.PROTOCOL), LossCause.HANG, "its process still runs"),
        (
            Signs(code=None, is_seen=False, asked=LossCause.MEMORY_PRESSURE),
            LossCause.MEMORY_PRESSURE,
            "its process still runs",
        ),
        (Signs(code=-63), LossCause.CRASH, "signal 63"),
    ],
)
def test_the_signs_tell_the_cause(signs: Signs, cause: LossCause, words: str) -> None:
    loss = explain(signs)
    assert loss.cause is cause
    assert words in loss.message


def test_the_report_names_the_page_the_peak_and_the_last_words() -> None:
    loss = explain(Signs(code=1, page=7, peak_bytes=99, last_words="ValueError: no"))
    assert loss.message == "The worker exited with code 1 while reading page 7; its last output: ValueError: no."
    assert (loss.page, loss.peak_bytes) == (7, 99)


@pytest.mark.parametrize("cause", list(LossCause))
def test_every_cause_has_a_sentence(cause: LossCause) -> None:
    assert explain(Signs(code=-signal.SIGKILL, asked=cause)).message.startswith("The ")


def test_a_fatal_report_says_more_than_the_stack_after_it() -> None:
    assert last_words(["hello", "Fatal Python error: Aborted", "", "  File x"]) == "Fatal Python error: Aborted"
    assert last_words(["hello", "good bye"]) == "good bye"
    assert last_words([]) == ""
