"""What happens after something failed: decides by `retry`, writes it down, tells people."""

import logging

from pagemill.domain.events import TaskEvent
from pagemill.domain.outcomes import PageFailed, WorkerLoss
from pagemill.domain.ports import PageQueue
from pagemill.domain.tasks import PageLease, RetryPolicy
from pagemill.tasks.handlers import TaskEventHandlers
from pagemill.tasks.retry import Decision, GiveUpPage, RetryPage, ReturnPage, after_failure, after_loss

logger = logging.getLogger(__name__)


class TaskErrorHandler:
    """Carries out the decisions about failed pages and lost workers. Runs in the server process."""

    def __init__(self, policy: RetryPolicy, *, pages: PageQueue, handlers: TaskEventHandlers) -> None:
        self._policy = policy
        self._pages = pages
        self._handlers = handlers

    async def page_failed(self, lease: PageLease, failure: PageFailed) -> None:
        """A page's own work failed."""
        attempts = lease.attempts[lease.pages.index(failure.number)]
        decision = after_failure(self._policy, failure, attempts=attempts)
        logger.warning("Task %s page %s: %s (%s)", lease.task_id, failure.number, failure.message, failure.reason)
        await self._carry_out(lease, failure, decision, crashed=False)

    async def worker_lost(self, lease: PageLease, loss: WorkerLoss) -> None:
        """A worker died while it held a page."""
        if loss.page is None:
            return
        crashes = lease.crashes[lease.pages.index(loss.page)]
        decision = after_loss(self._policy, loss, crashes=crashes)
        logger.warning("Task %s page %s: worker lost, %s: %s", lease.task_id, loss.page, loss.cause, loss.message)
        await self._handlers.record(
            lease.task_id,
            TaskEvent.WORKER_LOST,
            {"page": loss.page, "cause": loss.cause, "message": loss.message, "peak_bytes": loss.peak_bytes},
        )
        failure = PageFailed(loss.page, loss.reason, loss.message, retryable=True, peak_bytes=loss.peak_bytes)
        await self._carry_out(lease, failure, decision, crashed=True)

    async def _carry_out(self, lease: PageLease, failure: PageFailed, decision: Decision, *, crashed: bool) -> None:
        match decision:
            case RetryPage(delay):
                await self._pages.fail_page(lease, failure, retry_in=delay, crashed=crashed)
            case GiveUpPage():
                await self._pages.fail_page(lease, failure, retry_in=None, crashed=crashed)
            case ReturnPage():
                await self._pages.give_back(lease, (failure.number,))
