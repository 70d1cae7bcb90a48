"""Explains why a worker died."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from pagemill.domain.errors import WorkerLost
from pagemill.domain.work.outcomes import LossCause, WorkerLoss
from pagemill.memory.probes.oom import OomEvidence

_FATAL = "Fatal Python error"
"""How `faulthandler` begins its report; the stack that follows helps no reader of a message."""
_LONGEST_WORDS = 300

_SENTENCES = {
    LossCause.KERNEL_OOM: "The kernel killed the worker because memory ran out",
    LossCause.OVER_RESERVATION: "The worker was ended because it used more memory than was reserved for it",
    LossCause.MEMORY_PRESSURE: "The worker was ended because memory was nearly full",
    LossCause.HANG: "The worker was ended because it did not answer in time",
    LossCause.PROTOCOL: "The worker was ended because it sent an invalid message",
    LossCause.LOAD_FAILED: "The worker could not load its models",
    LossCause.NODE: "The machine that the worker ran on is gone",
}

_FOR_MEMORY = (LossCause.OVER_RESERVATION, LossCause.MEMORY_PRESSURE)

_LIKELY = (
    "The worker was killed, most likely by the kernel because memory ran out (the kernel reports a kill on this "
    "machine, but not of which process)"
)


@dataclass(frozen=True)
class Signs:
    """The evidence of a death.

    Attributes:
        code: Exit code; negative for the signal that ended it; None if it is not known.
        is_seen: Whether its end was seen; a process that does not obey SIGKILL still lives.
        asked: Why we ended it ourselves; None if we did not.
        oom: Whether the kernel counted an out-of-memory kill while it worked, and how certainly of this worker.
        last_words: The end of what it printed.
        page: The page it was working on.
        peak_bytes: The highest resident size seen.
    """

    code: int | None
    is_seen: bool = True
    asked: LossCause | None = None
    oom: OomEvidence = OomEvidence.NONE
    last_words: str = ""
    page: int | None = None
    peak_bytes: int = 0


def explain(signs: Signs) -> WorkerLoss:
    """Distinguish a kill by the guard from one by the kernel and from a crash."""
    cause = _cause(signs)
    where = f" while reading page {signs.page}" if signs.page is not None else ""
    words = f"; its last output: {signs.last_words}" if signs.last_words else ""
    sentence = _SENTENCES.get(cause) or f"The worker {_describe_ending(signs.code)}"
    if not signs.is_seen:
        sentence += ", but its process still runs"
    if cause is LossCause.KERNEL_OOM and signs.oom is OomEvidence.LIKELY:
        sentence = _LIKELY
    return WorkerLoss(cause, f"{sentence}{where}{words}.", page=signs.page, peak_bytes=signs.peak_bytes)


def lost_error(loss: WorkerLoss | None) -> WorkerLost:
    """The error for those who wait for an answer; a worker without a loss was stopped."""
    if loss is None:
        return WorkerLost("The worker was stopped before it could answer.", cause=None)
    return WorkerLost(loss.message, cause=loss.cause, peak_bytes=loss.peak_bytes)


def last_words(lines: Sequence[str]) -> str:
    """The line of a dead process's output that explains its end best."""
    fatal = next((line for line in reversed(lines) if line.startswith(_FATAL)), None)
    return (fatal or (lines[-1] if lines else ""))[:_LONGEST_WORDS]


def _cause(signs: Signs) -> LossCause:
    if not signs.is_seen and signs.asked not in _FOR_MEMORY:
        return LossCause.HANG
    if signs.asked is not None:
        return signs.asked
    if signs.code == -signal.SIGKILL and signs.oom is not OomEvidence.NONE:
        return LossCause.KERNEL_OOM
    return LossCause.CRASH


def _describe_ending(code: int | None) -> str:
    if code is None:
        return "ended; its exit status is not known"
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
