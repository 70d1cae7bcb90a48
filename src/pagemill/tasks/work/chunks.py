"""A chunk from claim to release: the only place where a lease and a service meet."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from pagemill.domain.errors import DatabaseUnavailable, PagemillError, PoolExhausted, StaleLease
from pagemill.domain.ports import OverdueTasks, PageQueue, Service, ServicePool
from pagemill.domain.task.task import PageLease
from pagemill.domain.uninterrupted import finish_despite_cancel
from pagemill.domain.work.outcomes import PageOutcome, PageRead, WorkerLoss
from pagemill.domain.work.recognition import READER, ChunkParams, Stage
from pagemill.tasks.decisions.plan import Assignment
from pagemill.tasks.passwords import Passwords
from pagemill.tasks.progress.event_handlers import ResourceUse, TaskEventHandlers, resource_of
from pagemill.tasks.work.chunk_params import ChunkParamsMaker
from pagemill.tasks.work.chunk_settling import OpenChunk, PageSettler
from pagemill.tasks.work.error_handler import TaskErrorHandler
from pagemill.tasks.work.faults import FaultCounter
from pagemill.tasks.work.giving_way import GivingWay
from pagemill.tasks.work.outcome_buffer import buffer_outcomes
from pagemill.tasks.work.second_reading import SecondReader

logger = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 3


@dataclass(frozen=True)
class ChunkConfig:
    """Limits of one chunk.

    Attributes:
        owner: The name of this server in leases.
        lease_for: How long a lease lasts unless renewed; it is renewed three times in this time.
        acquire_wait: Longest wait for a service.
        write_again_after: Wait before another attempt to write while the database is unavailable.
        text_pages_at_once: Maximum text layers in one transaction; recognised pages are written one by one.
        text_pages_within: Longest time until a text layer is written.
    """

    owner: str
    lease_for: timedelta = timedelta(seconds=20)
    acquire_wait: timedelta = timedelta(seconds=60)
    write_again_after: timedelta = timedelta(seconds=1)
    text_pages_at_once: int = 16
    text_pages_within: timedelta = timedelta(milliseconds=50)


class ChunkRunner:
    """Carries out assignments. Whatever happens, it releases the service and leaves no page leased."""

    def __init__(
        self,
        config: ChunkConfig,
        *,
        params: ChunkParamsMaker,
        pages: PageQueue,
        overdue: OverdueTasks,
        pool: ServicePool,
        errors: TaskErrorHandler,
        handlers: TaskEventHandlers,
        faults: FaultCounter,
        way: GivingWay,
        passwords: Passwords,
        second: SecondReader,
    ) -> None:
        self._config = config
        self._params = params
        self._pages = pages
        self._overdue = overdue
        self._pool = pool
        self._handlers = handlers
        self._faults = faults
        self._way = way
        self._passwords = passwords
        self._second = second
        self._settler = PageSettler(
            config.write_again_after, params=params, pages=pages, errors=errors, handlers=handlers
        )

    async def run(self, assignment: Assignment, *, on_last_page: Callable[[], None] = lambda: None) -> bool:
        """Claim pages, let a service read them, and settle every one of them.

        It raises no errors: each counts as an attempt of its pages or, failing that, of the task.

        Args:
            assignment: What to claim.
            on_last_page: Called when at most one page is left and the chunk has its service.

        Returns:
            Whether any page was settled; if not, another attempt at once would end the same way.
        """
        task_id = assignment.task_id
        if self._faults.is_resting(task_id):
            return False
        try:
            has_settled_any = await self._run(assignment, on_last_page)
        except DatabaseUnavailable as error:
            logger.info("Task %s waits: %s", task_id, error)
            return False
        except Exception as error:  # noqa: BLE001 - logged and counted there
            await finish_despite_cancel(self._faults.add(task_id, error))
            return False
        if has_settled_any:
            self._faults.reset(task_id)
        return has_settled_any

    async def _run(self, assignment: Assignment, on_last_page: Callable[[], None]) -> bool:
        async with AsyncExitStack() as ending:
            chunk = await finish_despite_cancel(self._claim(assignment, on_last_page, ending))
            if chunk is None:
                return False
            await self._work(chunk)
            return chunk.has_settled_any

    async def _claim(
        self, assignment: Assignment, on_last_page: Callable[[], None], ending: AsyncExitStack
    ) -> OpenChunk | None:
        lease = await self._pages.claim_pages(
            assignment.task_id,
            assignment.kind,
            limit=assignment.pages,
            owner=self._config.owner,
            lease_for=self._config.lease_for,
        )
        if lease is None:
            return None
        chunk = OpenChunk(assignment, lease, on_last_page)
        ending.push_async_callback(lambda: finish_despite_cancel(self._end(chunk)))
        return chunk

    async def _work(self, chunk: OpenChunk) -> None:
        try:
            await self._try(chunk)
        except StaleLease:
            logger.warning(
                "Task %s: the lease on pages %s has passed to another worker", chunk.lease.task_id, chunk.lease.pages
            )

    async def _try(self, chunk: OpenChunk) -> None:
        try:
            password = self._passwords.check(chunk.lease)
            async with self._renew_lease(chunk.lease):
                await self._read(chunk, password)
            chunk.refused = True
        except StaleLease:
            raise
        except (PoolExhausted, DatabaseUnavailable) as error:
            chunk.refused = isinstance(error, PoolExhausted)
            logger.info("Task %s waits: %s", chunk.task_id, error)
        except PagemillError as error:
            await self._settler.fail_open_pages(chunk, error)
        except Exception as error:  # noqa: BLE001 - logged there
            await self._settler.charge_open_pages(chunk, error)

    async def _read(self, chunk: OpenChunk, password: str | None) -> None:
        """Read the pages, and doubtful ones again once their service is released; no page that was read is lost."""
        doubtful: list[PageRead] = []
        params = replace(self._params.make(chunk.lease, chunk.device), password=password)
        try:
            async with self._service(chunk) as service:
                loss = await self._process(chunk, service, params, doubtful)
        except Exception:
            await self._settler.settle(chunk, doubtful)
            raise
        if doubtful:
            again = self._second.read(chunk.task_id, doubtful, params, may_use_spare=chunk.assignment.may_use_spare)
            await self._settler.settle(chunk, await again)
        if loss is not None:
            await self._settler.lose_worker(chunk, loss)

    async def _process(
        self, chunk: OpenChunk, service: Service, params: ChunkParams, doubtful: list[PageRead]
    ) -> WorkerLoss | None:
        """Have the service read the pages; settle them, or keep them for a second reading."""
        most = self._config.text_pages_at_once if chunk.lease.stage is Stage.TEXT else 1
        write = partial(self._settler.settle, chunk)
        chunk.begin()
        async with buffer_outcomes(write, most=most, within=self._config.text_pages_within) as on_page:

            async def sort(outcome: PageOutcome) -> None:
                if isinstance(outcome, PageRead) and self._second.can_help(outcome, params):
                    doubtful.append(outcome)
                else:
                    await on_page(outcome)

            outcome = await service.process(
                chunk.lease.task_id, params, sort, on_begin=partial(self._note_begun, chunk.lease)
            )
        chunk.reserved_bytes = outcome.reserved_bytes
        return outcome.loss

    async def _note_begun(self, lease: PageLease) -> None:
        if lease.is_unserved:
            await finish_despite_cancel(self._overdue.note_begun(lease))

    async def _end(self, chunk: OpenChunk) -> None:
        try:
            await self._settler.give_back(chunk)
        finally:
            await self._handlers.on_chunk_ended(chunk.task_id)
        if chunk.refused and chunk.open_pages and not chunk.has_settled_any:
            await self._way.give_way(chunk.task_id)

    @asynccontextmanager
    async def _service(self, chunk: OpenChunk) -> AsyncIterator[Service]:
        options = chunk.lease.options
        of_engine = chunk.lease.stage is Stage.OCR
        service = await self._pool.acquire(
            device=chunk.device,
            engine=options.engine if of_engine else READER,
            profile=options.profile if of_engine else "",
            languages=options.languages if of_engine else (),
            structure=options.structure,
            wait=self._config.acquire_wait,
            fresh=self._params.footing(chunk.lease, chunk.device).fresh,
            may_use_spare=chunk.assignment.may_use_spare,
        )
        try:
            await finish_despite_cancel(self._handlers.on_task_resource_acquired(chunk.task_id, resource_of(service)))
            yield service
        finally:
            await finish_despite_cancel(self._release(service, chunk))

    async def _release(self, service: Service, chunk: OpenChunk) -> None:
        use = ResourceUse(chunk.device, chunk.reserved_bytes, chunk.peak_bytes)
        try:
            await self._pool.release(service)
        finally:
            await self._handlers.on_task_resource_released(chunk.task_id, service.service_instance_id, use)

    @asynccontextmanager
    async def _renew_lease(self, lease: PageLease) -> AsyncIterator[None]:
        """Renew the lease in the background; if it is stale, end the work under it with `StaleLease`."""
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
            raise StaleLease(f"Another worker has the lease of task {lease.task_id} now.") from error

    async def _keep_renewing(self, lease: PageLease, limit: asyncio.Timeout) -> None:
        while True:
            await asyncio.sleep(self._config.lease_for.total_seconds() / RENEWALS_PER_LEASE)
            try:
                lease = await self._pages.renew(lease, self._config.lease_for)
            except StaleLease:
                limit.reschedule(asyncio.get_running_loop().time())
                return
            except Exception:
                logger.exception("The lease of task %s could not be renewed; Pagemill tries again", lease.task_id)
