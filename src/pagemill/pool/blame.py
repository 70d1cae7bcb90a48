"""Whether a kill by the kernel says anything against what its worker was working on. Pure."""

from collections.abc import Callable
from dataclasses import replace

from pagemill.domain.memory import MemoryNeed
from pagemill.domain.work.outcomes import LossCause, WorkerLoss

_OTHERS_TOOK_IT = "The kernel ended the worker because others took the memory that the worker had been promised."


def blamed(loss: WorkerLoss, *, promised: MemoryNeed, was_short: Callable[[], bool]) -> WorkerLoss:
    """The loss, as memory pressure where the kernel killed a worker that was not to blame.

    Args:
        loss: As the signs tell it.
        promised: What the worker might take.
        was_short: Whether others had taken what was promised to our workers; asked only where it matters.
    """
    kept_to_it = loss.peak_bytes <= promised.ram_bytes
    if loss.cause is LossCause.KERNEL_OOM and kept_to_it and was_short():
        return replace(loss, cause=LossCause.MEMORY_PRESSURE, message=_OTHERS_TOOK_IT)
    return loss
