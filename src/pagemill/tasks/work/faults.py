"""Unexpected errors. Each has an id and counts, so that no work is retried forever.

in a page's work or outcome ──▶ an attempt of the page, in the database: tried again after a while, then failed
anywhere else ────────────────▶ counted here, by task: the task rests for a while, and fails in the end
"""

import logging
import secrets
from dataclasses import dataclass

from pagemill.domain.errors import IllegalTransition, NotFound, TaskFailureReason, fault_of_ours
from pagemill.domain.ports import Clock, TaskStore
from pagemill.domain.task.task import RetryPolicy, TaskStatus
from pagemill.domain.work.outcomes import PageFailed
from pagemill.tasks.decisions.retry import LONGEST_BACKOFF, backoff
from pagemill.tasks.progress.event_handlers import TaskEventHandlers

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fault:
    """An internal error in the log under its id. The message for users contains nothing of the error itself.

    Attributes:
        error_id: Its id in the log.
    """

    error_id: str

    @classmethod
    def log(cls, error: Exception, *, task_id: str, doing: str) -> "Fault":
        """Log the error in full; `doing` is what failed, as in "claiming pages"."""
        fault = cls(secrets.token_hex(8))
        logger.error("Error %s: %s of task %s failed", fault.error_id, doing, task_id, exc_info=error)
        return fault

    @property
    def message(self) -> str:
        """The message for users."""
        return fault_of_ours(self.error_id)

    def of_page(self, number: int, *, retryable: bool = True, peak_bytes: int = 0) -> PageFailed:
        """The failure of a page because of this error."""
        reason = TaskFailureReason.INTERNAL_ERROR
        return PageFailed(number, reason, self.message, retryable=retryable, peak_bytes=peak_bytes)


@dataclass(frozen=True)
class _Count:
    """Faults of one task that belong to no page, and how long to leave the task alone (until, monotonic seconds)."""

    faults: int
    until: float


class FaultCounter:
    """Counts faults that belong to no page, and ends a task that has too many. Runs in the server's event loop.

    After a fault, the task is left alone for a while, which doubles each time. After `max_attempts` faults in a row,
    without a settled page between them, it fails. The counts end with the server.
    """

    def __init__(self, policy: RetryPolicy, *, store: TaskStore, handlers: TaskEventHandlers, clock: Clock) -> None:
        self._policy = policy
        self._store = store
        self._handlers = handlers
        self._clock = clock
        self._counts: dict[str, _Count] = {}

    def is_resting(self, task_id: str) -> bool:
        """Whether to leave the task alone for now."""
        count = self._counts.get(task_id)
        return count is not None and self._clock.monotonic() < count.until

    def reset(self, task_id: str) -> None:
        """Reset the count, because a page of the task was settled."""
        self._counts.pop(task_id, None)

    async def add(self, task_id: str, error: Exception) -> None:
        """Count an error, and end its task if there were too many."""
        fault = Fault.log(error, task_id=task_id, doing="a chunk")
        faults = self._counts[task_id].faults + 1 if task_id in self._counts else 1
        self._forget_old()
        self._counts[task_id] = _Count(faults, self._clock.monotonic() + backoff(self._policy, faults).total_seconds())
        if faults >= self._policy.max_attempts:
            await self._end(task_id, fault)

    async def _end(self, task_id: str, fault: Fault) -> None:
        try:
            task = await self._store.get(task_id)
            is_cancelling = task.status is TaskStatus.CANCELLING
            status = TaskStatus.CANCELLED if is_cancelling else TaskStatus.FAILED
            reason, message = (None, None) if is_cancelling else (TaskFailureReason.INTERNAL_ERROR, fault.message)
            await self._store.transition(task_id, status, reason=reason, message=message)
        except (IllegalTransition, NotFound) as error:
            logger.info("Task %s ended by itself: %s", task_id, error)
        except Exception:
            logger.exception("Task %s could not be ended; Pagemill tries again", task_id)
            return
        self.reset(task_id)
        self._handlers.notify_end(task_id)

    def _forget_old(self) -> None:
        """Forget tasks that ended in another way."""
        old = self._clock.monotonic() - LONGEST_BACKOFF.total_seconds()
        self._counts = {task_id: count for task_id, count in self._counts.items() if count.until > old}
