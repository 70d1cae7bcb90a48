"""Queries about tasks; they change nothing."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta

from pagemill.domain.memory import in_mib
from pagemill.domain.ports import (
    Clock,
    EventLog,
    MemoryAdmission,
    ResultStore,
    ServicePool,
    TaskSamples,
    TaskStore,
)
from pagemill.domain.reports.service_status import ServiceStatus, TaskHealth, TaskMetrics, TaskSample
from pagemill.domain.task.events import EventRecord
from pagemill.domain.task.receipt import RECEIPT_EVENTS, Receipt, make_receipt
from pagemill.domain.task.results import ResultWriter
from pagemill.domain.task.task import Task, TaskPage, TaskStatus
from pagemill.tasks.decisions.health import health_of
from pagemill.tasks.progress.event_handlers import TaskEventHandlers
from pagemill.tasks.progress.task_watch import TaskWatch
from pagemill.tasks.results.result_stream import write_result
from pagemill.tasks.status_reader import StatusReader

EVENTS_AT_ONCE = 1000
FRESH_SAMPLE = timedelta(seconds=10)


class TaskReader:
    """Reads tasks, their pages, results, events and health. Runs in the server process."""

    def __init__(
        self,
        *,
        store: TaskStore,
        results: ResultStore,
        events: EventLog,
        samples: TaskSamples,
        status: StatusReader,
        pool: ServicePool,
        memory: MemoryAdmission,
        handlers: TaskEventHandlers,
        watch: TaskWatch,
        clock: Clock,
    ) -> None:
        self._store = store
        self._results = results
        self._events = events
        self._samples = samples
        self._status = status
        self._pool = pool
        self._memory = memory
        self._handlers = handlers
        self._watch = watch
        self._clock = clock

    async def get_task(self, task_id: str) -> Task:
        """The task as it is now. Raises NotFound."""
        return await self._store.get(task_id)

    async def list_tasks(
        self,
        *,
        status: TaskStatus | None = None,
        labels: Mapping[str, str] | None = None,
        caller: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Task]:
        """Tasks of this caller (None: of all) with all these labels. See `TaskStore.list_tasks`."""
        return await self._store.list_tasks(status=status, labels=labels, caller=caller, before=before, limit=limit)

    @property
    def is_closing(self) -> bool:
        """Whether the service is stopping, so that requests may fail."""
        return self._watch.is_closed

    async def pages(self, task_id: str, *, after: int = 0, limit: int | None = None) -> Sequence[TaskPage]:
        """The task's pages by number, up to a limit, after a number. Raises NotFound."""
        await self._store.get(task_id)
        return await self._store.pages(task_id, after=after, limit=limit)

    def results(self, task_id: str) -> AsyncIterator[bytes]:
        """See `ResultStore.results`."""
        return self._results.results(task_id)

    async def write(self, task_id: str, writer: ResultWriter, *, keep_furniture: bool = False) -> AsyncIterator[bytes]:
        """The result in one format, piece by piece; for a running task, the finished pages. Raises NotFound.

        Pages that could not be read are marked as such; unfinished pages are left out. Text and Markdown have no
        headers, footers or page numbers unless `keep_furniture` is set.
        """
        task = await self._store.get(task_id)
        pieces = write_result(task, writer, store=self._store, results=self._results, keep_furniture=keep_furniture)
        async for piece in pieces:
            yield piece

    async def progress(self, task_id: str) -> AsyncIterator[Task]:
        """Yield the task now and after every change, until it is final or the service stops.

        Raises:
            NotFound: There is no such task.
        """
        async for task in self._watch.changes(task_id):
            yield task

    async def wait(self, task_id: str, within: timedelta) -> Task:
        """The task once it is final, the time has passed or the service stops. Raises NotFound."""
        return await self._watch.until_final(task_id, within=within)

    async def events(self, task_id: str, *, after: int = 0, limit: int = 500) -> Sequence[EventRecord]:
        """The task's events after a sequence number, oldest first. Raises NotFound."""
        await self._store.get(task_id)
        return await self._events.read(task_id, after=after, limit=limit)

    async def metrics(self) -> TaskMetrics:
        """The metrics of the service."""
        return TaskMetrics.of(await self._status.read())

    async def status(self, *, caller: str | None = None) -> ServiceStatus:
        """The whole service at this moment; for a caller, without details of others' tasks."""
        return await (self._status.read() if caller is None else self._status.read_for(caller))

    async def receipt(self, task_id: str) -> Receipt:
        """The memory receipt of the task so far. Raises NotFound."""
        task = await self._store.get(task_id)
        return await self._receipt(task, await self._store.pages(task_id))

    async def _receipt(self, task: Task, pages: Sequence[TaskPage]) -> Receipt:
        events: list[EventRecord] = []
        full = True
        while full:
            after = events[-1].sequence if events else 0
            found = await self._events.read(task.task_id, after=after, limit=EVENTS_AT_ONCE, kinds=RECEIPT_EVENTS)
            events += found
            full = len(found) == EVENTS_AT_ONCE
        return make_receipt(task, events, pages, now=self._clock.now())

    async def samples(self, task_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[TaskSample]:
        """Memory of the task's workers over time, oldest first. Raises NotFound."""
        await self._store.get(task_id)
        return await self._samples.read(task_id, after=after, limit=limit)

    async def health(self, task_id: str) -> TaskHealth:
        """The health of one task. Raises NotFound."""
        task = await self._store.get(task_id)
        pages = await self._store.pages(task_id)
        held = self._handlers.services_of(task_id)
        model_sets = self._pool.snapshot().model_sets
        at_work = [models for models in model_sets if models.service_instance_id in held]
        usage = in_mib(sum(models.rss_bytes for models in at_work)) or await self._sampled_mb(task)
        promised = in_mib(sum(models.reserved.ram_bytes for models in at_work))
        receipt = await self._receipt(task, pages)
        devices = [device for device in self._memory.devices() if device.device == task.assigned_device]
        return health_of(
            task,
            pages,
            usage_mb=usage,
            promised_mb=max(promised, receipt.reserved_mb or 0),
            devices=devices,
            unkillable=[one for one in model_sets if one.unkillable and one.key.device == task.assigned_device],
            now=self._clock.now(),
        )

    async def _sampled_mb(self, task: Task) -> int | None:
        """The memory of another server's workers for the task, if known."""
        if task.status.is_final:
            return None
        fresh = self._clock.now() - FRESH_SAMPLE
        sizes = [
            each.memory_usage_mb for each in await self._samples.find_latest(task.task_id) if each.timestamp > fresh
        ]
        return sum(sizes) if sizes else None
