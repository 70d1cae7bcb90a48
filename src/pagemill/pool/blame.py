"""Decides whether a worker that the kernel killed was to blame. Pure."""

from collections.abc import Callable
from dataclasses import replace

from pagemill.domain.memory import MemoryNeed
from pagemill.domain.work.outcomes import LossCause, WorkerLoss

_OTHERS_TOOK_IT = "The kernel killed the worker because other programs took the memory that was reserved for it."


def find_cause(loss: WorkerLoss, *, promised: MemoryNeed, was_short: Callable[[], bool]) -> WorkerLoss:
    """The loss, with memory pressure as its cause if the kernel killed a worker that was not to blame.

    Args:
        loss: The loss as `explain` gives it.
        promised: What was reserved for the worker.
        was_short: Tells whether other programs had taken what was reserved for our workers; called only if it matters.
    """
    kept_to_it = loss.peak_bytes <= promised.ram_bytes
    if loss.cause is LossCause.KERNEL_OOM and kept_to_it and was_short():
        return replace(loss, cause=LossCause.MEMORY_PRESSURE, message=_OTHERS_TOOK_IT)
    return loss
