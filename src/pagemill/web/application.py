"""What the web asks of the tasks: the two ports between HTTP and everything behind it."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from pagemill.domain.reports.engine_report import EngineReport
from pagemill.domain.reports.service_status import ServiceStatus, TaskHealth, TaskMetrics, TaskSample
from pagemill.domain.task.document_batch import BatchSubmission, DocumentBatch
from pagemill.domain.task.events import EventRecord, TaskNotice
from pagemill.domain.task.receipt import Receipt
from pagemill.domain.task.results import ResultFormat, ResultWriter
from pagemill.domain.task.submission import Submission
from pagemill.domain.task.task import Task, TaskCreateRequest, TaskPage, TaskStartRequest, TaskStatus


class TaskCommands(Protocol):
    """What people may do to tasks. Runs in the server process."""

    async def submit_task(self, request: TaskCreateRequest) -> Submission:
        """Inspect, estimate, place and store a task, and queue it unless `start=false` was asked.

        A request that was sent before under the same idempotency key is answered with the task it made then. The
        document is the task's once this returns, unless the answer is such a replay. Where it raises, nothing of the
        task is kept. In both these cases the caller removes the document.

        Raises:
            InvalidRequest: A page range, engine, profile or language cannot be used with this document.
            DocumentError: The document cannot be read.
            DeviceUnavailable: The device asked for is not there.
            NeverFits: It needs more memory than there could ever be.
            QueueFull: Too many tasks wait; `details["retry_after_s"]`.
            PoolExhausted: No reader became free to look at the document in time.
            IdempotencyKeyReused: Its key was used for something else.
        """
        ...

    async def retry_task(self, task_id: str) -> Task:
        """Queue the pages of a task that is over again that were not read; those that were are kept.

        Raises:
            NotFound: There is no such task.
            IllegalTransition: It is not over, or has no page left to read.
            QueueFull: Too many tasks wait; `details["retry_after_s"]`.
        """
        ...

    async def start_task(self, task_id: str, request: TaskStartRequest) -> Task:
        """Queue a task that is `created`, or queue a final one's failed pages again.

        Raises:
            NotFound: There is no such task.
            IllegalTransition: It is queued or running already, or has no page left to do.
            DeviceUnavailable: The device asked for is not there.
            NeverFits: The device asked for is too small for it.
            QueueFull: Too many tasks wait; `details["retry_after_s"]`.
        """
        ...

    async def cancel_task(self, task_id: str) -> Task:
        """Stop a task within a page; finished pages are kept. Cancelling twice is no error.

        Raises:
            NotFound: There is no such task.
            IllegalTransition: It has ended already.
        """
        ...

    async def delete_task(self, task_id: str) -> None:
        """Remove a task that is `created` or final, with its document and results.

        Raises:
            NotFound: There is no such task.
            Conflict: It is queued or running; cancel it first.
        """
        ...


class BatchCommands(Protocol):
    """What people may do to documents that they send together. Runs in the server process."""

    @property
    def most(self) -> int:
        """Documents that may be sent at once."""
        ...

    async def submit_batch(
        self, requests: Sequence[TaskCreateRequest], *, caller: str = "", idempotency_key: str | None = None
    ) -> BatchSubmission:
        """Store and queue a task for each document: all of them or none. Documents: as with `submit_task`.

        Raises:
            DocumentsRefused: Some cannot be read, or not with these options; it names them all.
            BatchTooLarge: There are more than may ever wait.
            QueueFull: Too many tasks wait for all of them to be added.
            IdempotencyKeyReused: The key was used for other documents or options.
        """
        ...

    async def get_batch(self, batch_id: str) -> DocumentBatch:
        """The batch as it stands.

        Raises:
            NotFound: There is no such batch.
        """
        ...

    async def list_batches(self, *, before: str | None = None, limit: int = 50) -> Sequence[DocumentBatch]:
        """Batches, newest first; `before` is the last batch_id of the page before."""
        ...

    async def batch_tasks(
        self, batch_id: str, *, status: TaskStatus | None = None, before: str | None = None, limit: int = 50
    ) -> Sequence[Task]:
        """Its tasks, the last sent first.

        Raises:
            NotFound: There is no such batch.
        """
        ...

    async def cancel_batch(self, batch_id: str) -> DocumentBatch:
        """Cancel every task of it that is not over. Cancelling twice is no error.

        Raises:
            NotFound: There is no such batch.
        """
        ...

    async def delete_batch(self, batch_id: str) -> None:
        """Remove a batch that is over, with its tasks, documents and results.

        Raises:
            NotFound: There is no such batch.
            Conflict: A task of it is under way.
        """
        ...

    def follow_batch(self, batch_id: str, *, after: int = 0) -> AsyncGenerator[Sequence[TaskNotice], None]:
        """Which tasks of the batch changed after that sequence number, as it comes, until all are over.

        Raises:
            NotFound: There is no such batch.
        """
        ...


class TaskFollowing(Protocol):
    """What people may be told of as it happens. Runs in the server process.

    An empty sequence means that nothing happened for a while; the iterators end when the service stops.
    """

    def follow(self, task_id: str, *, after: int = 0) -> AsyncGenerator[Sequence[EventRecord], None]:
        """The task's events with a higher sequence than `after`, as they come, until it is over and cleaned up.

        Raises:
            NotFound: There is no such task.
        """
        ...

    def notices(self, *, after: int | None = None) -> AsyncGenerator[Sequence[TaskNotice], None]:
        """Which tasks changed, after that sequence number or (None) from now on."""
        ...


class PageViewing(Protocol):
    """Single pages, for people to look at. Runs in the server process."""

    async def page(self, task_id: str, number: int) -> bytes:
        """`Page.to_json()` of a page that was read.

        Raises:
            NotFound: There is no such task, or the page is not read.
        """
        ...

    async def image(self, task_id: str, number: int) -> bytes:
        """The page as a JPEG.

        Raises:
            NotFound: There is no such task or page.
            PagemillError: The page cannot be drawn, or not now.
        """
        ...


class ResultFiles(Protocol):
    """Results that are made as a whole. Runs in the server process."""

    async def file(self, task_id: str, result: ResultFormat) -> Path:
        """The result of a task that is over, complete; it stays for about an hour after it was last asked for.

        Raises:
            NotFound: There is no such task, or no page of it was read.
            Conflict: It is not over.
            PagemillError: It cannot be made, or not now.
        """
        ...


class EngineReads(Protocol):
    """What people may know of engines. Runs in the server process."""

    def engines(self) -> Sequence[EngineReport]:
        """Every engine as it is now, the default first."""
        ...


class TaskReads(Protocol):
    """What people may know of tasks. Runs in the server process."""

    async def get_task(self, task_id: str) -> Task:
        """The task, with its page counts.

        Raises:
            NotFound: There is none of that id.
        """
        ...

    async def list_tasks(
        self,
        *,
        status: TaskStatus | None = None,
        labels: Mapping[str, str] | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Task]:
        """Tasks with all these labels, newest first; `before` is the last task_id of the page before."""
        ...

    async def pages(self, task_id: str) -> Sequence[TaskPage]:
        """All pages of the task by number.

        Raises:
            NotFound: There is no such task.
        """
        ...

    def write(self, task_id: str, writer: ResultWriter) -> AsyncIterator[bytes]:
        """The finished pages by number in the writer's form, a few in memory at a time.

        Pages that could not be read are marked as such; pages still to come are left out.

        Raises:
            NotFound: There is no such task.
        """
        ...

    async def wait(self, task_id: str, within: timedelta) -> Task:
        """The task as it is once it is final, the time is over or the service is stopping, whichever comes first.

        Raises:
            NotFound: There is no such task, or it was deleted meanwhile.
        """
        ...

    async def events(self, task_id: str, *, after: int = 0, limit: int = 500) -> Sequence[EventRecord]:
        """What happened to the task after that sequence number, oldest first.

        Raises:
            NotFound: There is no such task.
        """
        ...

    async def samples(self, task_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[TaskSample]:
        """Memory of the task's workers over time, oldest first.

        Raises:
            NotFound: There is no such task.
        """
        ...

    async def receipt(self, task_id: str) -> Receipt:
        """What the task took of the machine so far.

        Raises:
            NotFound: There is no such task.
        """
        ...

    async def health(self, task_id: str) -> TaskHealth:
        """How the task is doing.

        Raises:
            NotFound: There is no such task.
        """
        ...

    async def metrics(self) -> TaskMetrics:
        """Tasks, memory by device, use of the pool and waiting time."""
        ...

    async def status(self) -> ServiceStatus:
        """The whole service at this moment."""
        ...
