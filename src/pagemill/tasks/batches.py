"""One batch from claim to release: the only place where a lease and a service meet."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from pagemill.domain.errors import DatabaseUnavailable, PagemillError, PoolExhausted, StaleLease
from pagemill.domain.finishing import uninterrupted
from pagemill.domain.memory import DeviceId
from pagemill.domain.outcomes import PageFailed, PageNeedsOcr, PageOutcome, PageRead, WorkerLoss
from pagemill.domain.ports import PageQueue, Service, ServicePool
from pagemill.domain.recognition import READER, Stage
from pagemill.domain.tasks import PageLease
from pagemill.tasks.batch_params import BatchParamsMaker
from pagemill.tasks.error_handler import TaskErrorHandler
from pagemill.tasks.gathering import gathered
from pagemill.tasks.handlers import ResourceUse, TaskEventHandlers
from pagemill.tasks.plan import Assignment

logger = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 3


@dataclass(frozen=True)
class BatchConfig:
    """Limits of one batch.

    Attributes:
        owner: This server, as leases name it.
        lease_for: How long a lease lasts unless renewed; it is renewed three times as often.
        acquire_wait: Longest wait for a service.
        write_again_after: Wait before a page is written again that could not be, because the database was away.
        text_pages_at_once: Most text layers written in one transaction; recognised pages are written one by one.
        text_pages_within: Longest until a text layer is written.
    """

    owner: str
    lease_for: timedelta = timedelta(seconds=20)
    acquire_wait: timedelta = timedelta(seconds=60)
    write_again_after: timedelta = timedelta(seconds=1)
    text_pages_at_once: int = 16
    text_pages_within: timedelta = timedelta(milliseconds=50)


@dataclass
class _Batch:
    """A claimed batch and what is still open of it."""

    assignment: Assignment
    lease: PageLease
    on_last_page: Callable[[], None]
    open_pages: set[int] = field(default_factory=set)
    reserved_bytes: int = 0
    peak_bytes: int = 0

    def __post_init__(self) -> None:
        self.open_pages = set(self.lease.pages)

    def begin(self) -> None:
        """It has a service."""
        self._tell_of_last_page()

    def settle(self, page: int) -> None:
        """That page is no longer open."""
        self.open_pages.discard(page)
        self._tell_of_last_page()

    def saw_peak(self, peak_bytes: int) -> None:
        self.peak_bytes = max(self.peak_bytes, peak_bytes)

    @property
    def device(self) -> DeviceId:
        return self.assignment.kind.works_on

    def _tell_of_last_page(self) -> None:
        if len(self.open_pages) <= 1:
            self.on_last_page()


class BatchRunner:
    """Works assignments. Whatever happens, the service is released and no page stays leased."""

    def __init__(
        self,
        config: BatchConfig,
        *,
        params: BatchParamsMaker,
        pages: PageQueue,
        pool: ServicePool,
        errors: TaskErrorHandler,
        handlers: TaskEventHandlers,
    ) -> None:
        self._config = config
        self._params = params
        self._pages = pages
        self._pool = pool
        self._errors = errors
        self._handlers = handlers

    async def run(self, assignment: Assignment, *, on_last_page: Callable[[], None] = lambda: None) -> bool:
        """Claim pages, have them read, and settle every one of them.

        Args:
            assignment: What to claim.
            on_last_page: Called when one page is left or none, and the batch has its service.

        Returns:
            Whether any page was settled; if not, trying again at once would end the same way.
        """
        async with AsyncExitStack() as ending:
            batch = await uninterrupted(self._claim(assignment, on_last_page, ending))
            if batch is None:
                return False
            await self._work(batch)
            return len(batch.open_pages) < len(batch.lease.pages)

    async def _claim(
        self, assignment: Assignment, on_last_page: Callable[[], None], ending: AsyncExitStack
    ) -> _Batch | None:
        lease = await self._pages.claim_pages(
            assignment.task_id,
            assignment.kind,
            limit=assignment.pages,
            owner=self._config.owner,
            lease_for=self._config.lease_for,
        )
        if lease is None:
            return None
        batch = _Batch(assignment, lease, on_last_page)
        ending.push_async_callback(lambda: uninterrupted(self._end(batch)))
        return batch

    async def _work(self, batch: _Batch) -> None:
        try:
            await self._try(batch)
        except StaleLease:
            logger.warning("Task %s: pages %s are no longer ours to work", batch.lease.task_id, batch.lease.pages)

    async def _try(self, batch: _Batch) -> None:
        try:
            async with self._renewed(batch.lease), self._service(batch) as service:
                await self._process(batch, service)
        except StaleLease:
            raise
        except (PoolExhausted, DatabaseUnavailable) as error:
            logger.info("Task %s waits: %s", batch.lease.task_id, error)
        except PagemillError as error:
            await uninterrupted(self._fail_open_pages(batch, error))

    async def _process(self, batch: _Batch, service: Service) -> None:
        params = self._params.make(batch.lease, batch.device)
        most = self._config.text_pages_at_once if batch.lease.stage is Stage.TEXT else 1
        write = partial(self._outlast, batch)
        batch.begin()
        async with gathered(write, most=most, within=self._config.text_pages_within) as on_page:
            outcome = await service.process(batch.lease.task_id, params, on_page)
        batch.reserved_bytes = outcome.reserved_bytes
        if outcome.loss is not None:
            batch.saw_peak(outcome.loss.peak_bytes)
            await uninterrupted(self._lose_worker(batch, outcome.loss))

    async def _lose_worker(self, batch: _Batch, loss: WorkerLoss) -> None:
        await self._errors.worker_lost(batch.lease, loss, device=batch.device)
        if loss.page is not None:
            batch.settle(loss.page)

    async def _outlast(self, batch: _Batch, outcomes: Sequence[PageOutcome]) -> None:
        """Settle pages; while the database is away, keep them and try again: reading them once more costs far more."""
        while left := [outcome for outcome in outcomes if outcome.number in batch.open_pages]:
            try:
                await uninterrupted(self._settle(batch, left))
            except DatabaseUnavailable as error:
                numbers = [outcome.number for outcome in left]
                logger.warning("Task %s pages %s wait to be stored: %s", batch.lease.task_id, numbers, error)
                await asyncio.sleep(self._config.write_again_after.total_seconds())

    async def _settle(self, batch: _Batch, outcomes: Sequence[PageOutcome]) -> None:
        if done := [outcome for outcome in outcomes if not isinstance(outcome, PageFailed)]:
            await self._pages.commit_pages(batch.lease, done)
            self._settled(batch, *done)
        for failure in (outcome for outcome in outcomes if isinstance(outcome, PageFailed)):
            await self._errors.page_failed(batch.lease, failure, device=batch.device)
            self._settled(batch, failure)

    def _settled(self, batch: _Batch, *outcomes: PageOutcome) -> None:
        for outcome in outcomes:
            batch.saw_peak(0 if isinstance(outcome, PageNeedsOcr) else outcome.peak_bytes)
            batch.settle(outcome.number)
            if isinstance(outcome, PageRead):
                self._params.learn(batch.lease, batch.device)
                self._handlers.tally.page_read(batch.lease.stage, outcome.seconds)
        self._handlers.page_settled(batch.lease.task_id)

    async def _fail_open_pages(self, batch: _Batch, error: PagemillError) -> None:
        for number in sorted(batch.open_pages):
            failure = PageFailed(number, error.reason, error.message, retryable=error.retryable)
            await self._errors.page_failed(batch.lease, failure, device=batch.device)
            batch.open_pages.discard(number)

    async def _end(self, batch: _Batch) -> None:
        await self._give_back(batch)
        await self._handlers.pages_settled(batch.lease.task_id)

    async def _give_back(self, batch: _Batch) -> None:
        if not batch.open_pages:
            return
        try:
            await self._pages.give_back(batch.lease, sorted(batch.open_pages))
        except StaleLease:
            for number in sorted(batch.open_pages):
                with suppress(StaleLease):  # taken from us: another's by now, or nobody's
                    await self._pages.give_back(batch.lease, (number,))

    @asynccontextmanager
    async def _service(self, batch: _Batch) -> AsyncIterator[Service]:
        options = batch.lease.options
        of_engine = batch.lease.stage is Stage.OCR
        service = await self._pool.acquire(
            device=batch.device,
            engine=options.engine if of_engine else READER,
            profile=options.profile if of_engine else "",
            languages=options.languages if of_engine else (),
            structure=options.structure,
            wait=self._config.acquire_wait,
            fresh=self._params.footing(batch.lease, batch.device).fresh,
        )
        task_id, resource = batch.lease.task_id, service.service_instance_id
        try:
            await uninterrupted(self._handlers.on_task_resource_acquired(task_id, resource))
            yield service
        finally:
            await uninterrupted(self._release(service, batch))

    async def _release(self, service: Service, batch: _Batch) -> None:
        await self._pool.release(service)
        use = ResourceUse(batch.device, batch.reserved_bytes, batch.peak_bytes)
        await self._handlers.on_task_resource_released(batch.lease.task_id, service.service_instance_id, use)

    @asynccontextmanager
    async def _renewed(self, lease: PageLease) -> AsyncIterator[None]:
        """Renew the lease in the background; when it turns out to be stale, end the work under it with `StaleLease`."""
        limit = asyncio.timeout(None)
        try:
            async with limit:
                renewal = asyncio.create_task(self._keep_renewing(lease, limit))
                try:
                    yield
                finally:
                    renewal.cancel()
                    await asyncio.wait([renewal])
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise StaleLease(f"The lease of task {lease.task_id} was given to another worker.") from error

    async def _keep_renewing(self, lease: PageLease, limit: asyncio.Timeout) -> None:
        while True:
            await asyncio.sleep(self._config.lease_for.total_seconds() / RENEWALS_PER_LEASE)
            try:
                lease = await self._pages.renew(lease, self._config.lease_for)
            except StaleLease:
                limit.reschedule(asyncio.get_running_loop().time())
                return
            except Exception:
                logger.exception("The lease of task %s could not be renewed; it is tried again", lease.task_id)
