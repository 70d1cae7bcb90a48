"""Tells whoever is to be alerted that pages run out of memory, through the outbox of webhooks."""

import logging
from datetime import datetime, timedelta

from pagemill.domain.memory import in_mib
from pagemill.domain.ports import Clock, Outbox
from pagemill.domain.tasks import Rung, Task
from pagemill.tasks.error_handler import OomFailure

logger = logging.getLogger(__name__)

KIND = "alert.out_of_memory"
LEAST_BETWEEN = timedelta(minutes=1)


class OomAlerts:
    """An `OnOom` for `TaskErrorHandler`. Runs in the server process.

    A storm of failures makes one alert a minute, and every page that is given up one of its own.
    """

    def __init__(self, url: str, *, outbox: Outbox, clock: Clock) -> None:
        self._url = url
        self._outbox = outbox
        self._clock = clock
        self._last: datetime | None = None

    async def on_oom(self, task: Task, oom: OomFailure, rung: Rung | None) -> None:
        """A page ran out of memory and was taken to that rung (None: given up)."""
        now = self._clock.now()
        is_news = self._last is None or now - self._last >= LEAST_BETWEEN
        if rung is not None and not is_news:
            return
        self._last = now
        try:
            await self._outbox.add(self._url, KIND, _data(task, oom, rung))
        except Exception:
            # the page's own fate is decided; that nobody was told must not undo it
            logger.exception("The alert about task %s could not be written", task.task_id)


def _data(task: Task, oom: OomFailure, rung: Rung | None) -> dict[str, object]:
    return {
        "task_id": task.task_id,
        "page": oom.failure.number,
        "device": oom.device,
        "reason": oom.failure.reason.value,
        "message": oom.failure.message,
        "reached_mb": in_mib(oom.failure.peak_bytes),
        "next_rung": rung.name.lower() if rung is not None else None,
    }
