"""Sends alerts about pages that run out of memory, through the webhook outbox."""

import logging
from datetime import datetime, timedelta

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import in_mib
from pagemill.domain.ports import Clock, Outbox
from pagemill.domain.task.task import Rung, Task
from pagemill.tasks.work.error_handler import OomFailure

logger = logging.getLogger(__name__)

KIND = "alert.out_of_memory"
LEAST_BETWEEN = timedelta(minutes=1)


class OomAlerts:
    """An `OnOom` for `TaskErrorHandler`. Runs in the server process.

    It sends at most one alert a minute, and an extra one for every page that fails for good.
    """

    def __init__(self, url: str, *, outbox: Outbox, clock: Clock) -> None:
        self._url = url
        self._outbox = outbox
        self._clock = clock
        self._last: datetime | None = None

    async def on_oom(self, task: Task, oom: OomFailure | None, rung: Rung | None) -> None:
        """A page (or a task without a known page) ran out of memory and moved to a rung (None: none is left)."""
        now = self._clock.now()
        is_news = self._last is None or now - self._last >= LEAST_BETWEEN
        if rung is not None and not is_news:
            return
        self._last = now
        try:
            await self._outbox.add(self._url, KIND, _data(task, oom, rung))
        except Exception:
            # the page's outcome stands, even if its alert was not sent
            logger.exception("The alert about task %s could not be written", task.task_id)


def _data(task: Task, oom: OomFailure | None, rung: Rung | None) -> dict[str, object]:
    failure = oom.failure if oom else None
    return {
        "task_id": task.task_id,
        "page": failure and failure.number,
        "device": oom.device if oom else task.assigned_device,
        "reason": (failure.reason if failure else TaskFailureReason.OUT_OF_MEMORY).value,
        "message": failure.message if failure else "The task ran out of memory.",
        "reached_mb": failure and in_mib(failure.peak_bytes),
        "next_rung": rung.name.lower() if rung is not None else None,
    }
