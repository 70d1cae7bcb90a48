"""Settles the pages of a chunk: read, failed, lost with their worker, or returned.

Any error on the way counts as an attempt of the pages that were tried, so that nothing is tried forever. Only an
unavailable database and a lost lease cost nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from pagemill.domain.errors import DatabaseUnavailable, NeverFits, PagemillError, StaleLease
from pagemill.domain.memory import DeviceId
from pagemill.domain.ports import PageQueue
from pagemill.domain.task.task import PageLease
from pagemill.domain.uninterrupted import finish_despite_cancel
from pagemill.domain.work.fitting import least_need
from pagemill.domain.work.outcomes import PageFailed, PageNeedsOcr, PageOutcome, PageRead, PageTooLarge, WorkerLoss
from pagemill.tasks.decisions.plan import Assignment
from pagemill.tasks.decisions.retry import INNOCENT
from pagemill.tasks.progress.event_handlers import TaskEventHandlers
from pagemill.tasks.work.chunk_params import ChunkParamsMaker
from pagemill.tasks.work.error_handler import TaskErrorHandler
from pagemill.tasks.work.faults import Fault

logger = logging.getLogger(__name__)


@dataclass
class OpenChunk:
    """A claimed chunk and its open pages.

    Attributes:
        refused: No service or no memory was free for the open pages, or their worker was taken away.
        returned: Pages returned because their worker was taken away; trying them at once would end the same way.
    """

    assignment: Assignment
    lease: PageLease
    on_last_page: Callable[[], None]
    open_pages: set[int] = field(default_factory=set)
    reserved_bytes: int = 0
    peak_bytes: int = 0
    refused: bool = False
    returned: int = 0

    def __post_init__(self) -> None:
        self.open_pages = set(self.lease.pages)

    def begin(self) -> None:
        """Note that the chunk has a service now."""
        self._note_last_page()

    def settle(self, *pages: int) -> None:
        """Note that these pages are no longer open."""
        self.open_pages.difference_update(pages)
        self._note_last_page()

    def note_peak(self, peak_bytes: int) -> None:
        """Note that its worker reached this peak."""
        self.peak_bytes = max(self.peak_bytes, peak_bytes)

    @property
    def task_id(self) -> str:
        """The task of its pages."""
        return self.lease.task_id

    @property
    def device(self) -> DeviceId:
        """The device that works on it."""
        return self.assignment.kind.works_on

    @property
    def has_settled_any(self) -> bool:
        """Whether any page has left it, for good or for another attempt."""
        return len(self.open_pages) + self.returned < len(self.lease.pages)

    def _note_last_page(self) -> None:
        if len(self.open_pages) <= 1:
            self.on_last_page()


class PageSettler:
    """Records the outcomes of pages. Runs in the server process.

    Args:
        write_again_after: Wait before another attempt to write while the database is unavailable.
        params: Learns from pages that were read.
        pages: Leases.
        errors: Decides about failed pages.
        handlers: Count pages, and wake those who wait for them.
    """

    def __init__(
        self,
        write_again_after: timedelta,
        *,
        params: ChunkParamsMaker,
        pages: PageQueue,
        errors: TaskErrorHandler,
        handlers: TaskEventHandlers,
    ) -> None:
        self._write_again_after = write_again_after
        self._params = params
        self._pages = pages
        self._errors = errors
        self._handlers = handlers

    async def settle(self, chunk: OpenChunk, outcomes: Sequence[PageOutcome]) -> None:
        """Settle pages. While the database is unavailable, keep them: reading them again would cost far more.

        Raises:
            StaleLease: The lease no longer holds them.
        """
        await self._outlast(chunk, lambda: self._settle(chunk, outcomes))

    async def lose_worker(self, chunk: OpenChunk, loss: WorkerLoss) -> None:
        """Handle the loss of the worker, and of the page that it was working on."""
        chunk.note_peak(loss.peak_bytes)
        await self._outlast(chunk, lambda: self._errors.worker_lost(chunk.lease, loss, device=chunk.device))
        if loss.page is not None:
            chunk.settle(loss.page)
            chunk.returned += loss.cause in INNOCENT

    async def fail_open_pages(self, chunk: OpenChunk, error: PagemillError) -> None:
        """Fail all open pages for the same reason."""
        await self._fail_all(chunk, lambda number: _failure_for(number, error))

    async def charge_open_pages(self, chunk: OpenChunk, error: Exception) -> None:
        """Count an attempt for all open pages, which failed because of an internal error."""
        fault = Fault.log(error, task_id=chunk.task_id, doing=f"work on pages {sorted(chunk.open_pages)}")
        await self._fail_all(chunk, fault.of_page)

    async def give_back(self, chunk: OpenChunk) -> None:
        """Return all open pages unchanged."""
        if not chunk.open_pages:
            return
        try:
            await self._pages.give_back(chunk.lease, sorted(chunk.open_pages), refused=chunk.refused)
        except StaleLease:
            for number in sorted(chunk.open_pages):
                with suppress(StaleLease):  # another server took it, or it waits again
                    await self._pages.give_back(chunk.lease, (number,), refused=chunk.refused)

    async def _outlast(self, chunk: OpenChunk, write: Callable[[], Coroutine[None, None, None]]) -> None:
        while True:
            try:
                return await finish_despite_cancel(write())
            except DatabaseUnavailable as error:
                pages = sorted(chunk.open_pages)
                logger.warning("Task %s waits to store results (open pages: %s): %s", chunk.task_id, pages, error)
                await asyncio.sleep(self._write_again_after.total_seconds())

    async def _settle(self, chunk: OpenChunk, outcomes: Sequence[PageOutcome]) -> None:
        left = [outcome for outcome in outcomes if outcome.number in chunk.open_pages]
        if done := [outcome for outcome in left if not isinstance(outcome, PageFailed)]:
            await self._commit(chunk, done)
        for failure in (outcome for outcome in left if isinstance(outcome, PageFailed)):
            await self._fail(chunk, failure)

    async def _commit(self, chunk: OpenChunk, done: Sequence[PageRead | PageNeedsOcr]) -> None:
        try:
            await self._pages.commit_pages(chunk.lease, done)
        except (StaleLease, DatabaseUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 - logged there
            fault = Fault.log(error, task_id=chunk.task_id, doing=f"storing pages {[page.number for page in done]}")
        else:
            self._settle_outcomes(chunk, *done)
            return
        if len(done) == 1:
            await self._fail(chunk, fault.of_page(done[0].number, peak_bytes=_peak_bytes(done[0])))
            return
        for page in done:  # one page is to blame; the others must not fail with it
            await self._commit(chunk, [page])

    async def _fail_all(self, chunk: OpenChunk, failure: Callable[[int], PageFailed]) -> None:
        """Fail pages one by one, and skip those that another worker has now."""
        for number in sorted(chunk.open_pages):
            try:
                await self._outlast(chunk, partial(self._fail, chunk, failure(number)))
            except StaleLease:
                chunk.settle(number)

    async def _fail(self, chunk: OpenChunk, failure: PageFailed) -> None:
        await self._errors.page_failed(chunk.lease, failure, device=chunk.device)
        self._settle_outcomes(chunk, failure)

    def _settle_outcomes(self, chunk: OpenChunk, *outcomes: PageOutcome) -> None:
        chunk.settle(*(outcome.number for outcome in outcomes))
        self._handlers.on_page_settled(chunk.task_id)
        for outcome in outcomes:
            chunk.note_peak(_peak_bytes(outcome))
            if isinstance(outcome, PageRead):
                self._handlers.tally.page_read(chunk.lease.stage, outcome.seconds)
                self._params.learn(chunk.lease, chunk.device)


def _failure_for(number: int, error: PagemillError) -> PageFailed:
    if isinstance(error, NeverFits):
        return PageTooLarge(number, error.reason, error.message, error.retryable, need=least_need(error))
    return PageFailed(number, error.reason, error.message, retryable=error.retryable)


def _peak_bytes(outcome: PageOutcome) -> int:
    return 0 if isinstance(outcome, PageNeedsOcr) else outcome.peak_bytes
