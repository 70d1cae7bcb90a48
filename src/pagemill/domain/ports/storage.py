"""What survives a crash: tasks, their pages and results, asked of the store."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import DeviceId
from pagemill.domain.task.document_batch import DocumentBatch, NewDocumentBatch, SubmittedBatch
from pagemill.domain.task.submission import Submitted
from pagemill.domain.task.task import NewTask, PageLease, PageState, Rung, Task, TaskPage, TaskStatus
from pagemill.domain.work.backlog import Backlog, PageKind
from pagemill.domain.work.outcomes import PageFailed, PageNeedsOcr, PageRead
from pagemill.domain.work.quarantine import Circumstances


class TaskQueue(Protocol):
    """Durable priority queue of tasks; pages are leased from the tasks it has let in (`PageQueue`)."""

    async def add_task(self, task: Task, priority: int = 0) -> Task:
        """Queue a task that is `created` (or final, when its failed pages are to be retried).

        It waits for the device, and has the estimate, that `task` says; where it is refused it stays as it was.

        Raises:
            QueueFull: `max_queue_size` tasks wait already.
            IllegalTransition: The task is neither created nor retriable.
        """
        ...

    async def get_next_task(self, device: DeviceId) -> Task | None:
        """Take the next waiting task assigned to `device` and mark it running; None where none waits.

        Higher priority first, older first among equals; waiting raises a task's standing (ageing).
        """
        ...

    async def submit(self, new: NewTask) -> Task:
        """Store a task and queue it, in one transaction: both or neither.

        Raises:
            QueueFull: `max_queue_size` tasks wait already.
        """
        ...

    async def requeue_task(self, task: Task, *, rung: Rung | None = None, device: DeviceId | None = None) -> Task:
        """Put a running task back in the queue with its priority lowered by one, to a bound.

        How long it has gone unserved counts on. With `rung`, its waiting pages climb the out-of-memory ladder up to
        there, and go to `device` where one is named.

        Raises:
            IllegalTransition: The task is neither running nor waiting for a retry.
        """
        ...

    async def size(self) -> int:
        """Tasks that wait."""
        ...


class TaskStore(Protocol):
    """Tasks and their pages."""

    async def create(self, new: NewTask) -> Task:
        """Store a task (`created`) and its page rows in one transaction."""
        ...

    async def get(self, task_id: str) -> Task:
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
        batch_id: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Task]:
        """Tasks with all these labels, of this batch, newest first; `before` is the last task_id of the page before."""
        ...

    async def pages(
        self, task_id: str, *, state: PageState | None = None, after: int = 0, limit: int | None = None
    ) -> Sequence[TaskPage]:
        """All pages of the task by number, or those in that state; so many after that number."""
        ...

    async def list_uncleaned(self, limit: int = 100, *, ended_for: timedelta = timedelta(0)) -> Sequence[Task]:
        """Final tasks whose `resource_cleanup_completed` is still false so long after their end, oldest first."""
        ...

    async def transition(
        self,
        task_id: str,
        status: TaskStatus,
        *,
        reason: TaskFailureReason | None = None,
        message: str | None = None,
    ) -> Task:
        """Change the status, note the event, and set the times that belong to it, in one transaction.

        Cancelling a task also cancels its queued pages. A status the task already has is no error and no event.

        Raises:
            IllegalTransition: The state machine has no such step.
        """
        ...

    async def track(
        self,
        task_id: str,
        *,
        device: DeviceId | None = None,
        service_instance_id: str | None = None,
        peak_memory_mb: int | None = None,
        cleanup_completed: bool | None = None,
    ) -> None:
        """Update the resource columns; what is None stays. `peak_memory_mb` only ever raises `actual_memory_mb`."""
        ...

    async def delete(self, task_id: str) -> Task:
        """Remove a final or never started task with all rows that belong to it; returns what it was.

        Raises:
            Conflict: It is still queued or running.
        """
        ...


class OverdueTasks(Protocol):
    """Tasks that have waited too long.

    A task goes unserved from the moment it is queued, or refused a service, until a page of it is settled.
    """

    async def note_begun(self, lease: PageLease) -> None:
        """A worker has begun on pages of the lease: while it holds them, the task does not count as unserved."""
        ...

    async def note_refused(self, task_ids: Collection[str]) -> None:
        """The turn of these tasks came, and there was no service or no memory for them."""
        ...

    async def expire(self, *, queue_timeout: timedelta | None) -> Sequence[Task]:
        """End (`expired`) the tasks past their deadline, and those that went unserved for so long.

        Those that were never let in end for `QUEUE_TIMEOUT`, the others for `POOL_EXHAUSTED`. None leaves those that
        are unserved alone. Finished pages are kept; leases on the others are stale from then on.
        """
        ...

    async def unchanged(self, silence: timedelta) -> Sequence[Task]:
        """Tasks that were queued and have not ended, and in which nothing changed for so long: no status, no page."""
        ...

    async def end_stalled(self, task_id: str, silence: timedelta) -> Task | None:
        """End such a task (`failed`, or `cancelled` where that was asked for); None where it is no longer so."""
        ...


class Retention(Protocol):
    """What has been kept long enough, and what nobody knows any more."""

    async def outdated(self, kept_for: timedelta, *, limit: int = 50) -> Sequence[Task]:
        """Tasks that ended (or were created and never started) longer ago than that, or than they asked for."""
        ...

    async def unknown_tasks(self, task_ids: Sequence[str]) -> set[str]:
        """Those of the ids that no task has."""
        ...

    async def unknown_documents(self, paths: Sequence[str]) -> set[str]:
        """Those of the files that are no task's document."""
        ...

    async def prune_samples(self, kept_for: timedelta, *, limit: int = 1000) -> int:
        """Delete up to `limit` of the oldest entries of `task_metrics`; how many it deleted."""
        ...

    async def prune_quarantine(self) -> None:
        """Forget pages that were quarantined long ago."""
        ...


class ResultStore(Protocol):
    """What finished pages read as."""

    def results(self, task_id: str) -> AsyncIterator[bytes]:
        """`Page.to_json()` of every finished page by number, read from the database a few at a time."""
        ...


class PageQueue(Protocol):
    """Leases on pages of running tasks. Every write checks the lease's token: a stale one raises `StaleLease`."""

    async def backlog(self, limit: int = 256) -> Sequence[Backlog]:
        """Running tasks with unfinished pages, in order of admission; `waiting` counts those workable now."""
        ...

    async def claim_pages(
        self,
        task_id: str,
        kind: PageKind,
        *,
        limit: int,
        owner: str,
        lease_for: timedelta,
    ) -> PageLease | None:
        """Lease up to `limit` waiting pages of a kind that the backlog counts, lowest numbers first.

        A page that has killed a worker, or has climbed the out-of-memory ladder, is leased alone.
        """
        ...

    async def commit_pages(self, lease: PageLease, outcomes: Sequence[PageRead | PageNeedsOcr]) -> None:
        """Store what pages read as and mark them done, each once; move those without a text layer to the OCR stage.

        All of them in one transaction, or none.
        """
        ...

    async def fail_page(
        self,
        lease: PageLease,
        failure: PageFailed,
        *,
        retry_in: timedelta | None,
        crashed: bool = False,
        rung: Rung | None = None,
        device: DeviceId | None = None,
        quarantined: Sequence[Circumstances] = (),
    ) -> None:
        """Count the failure; queue the page again after `retry_in`, or give it up where that is None.

        A crash is no attempt, and neither is a failure that takes the page to a `rung` of the out-of-memory ladder.
        From then on the page is recognised on `device`, if one is named; other pages of its task stay where they are.
        A page that is given up is not tried again for a while under the circumstances it is `quarantined` for.
        """
        ...

    async def give_back(self, lease: PageLease, pages: Sequence[int], *, refused: bool = False) -> None:
        """Return pages that were not worked; costs them nothing.

        With `refused` there was no service or no memory for them, so that the task goes unserved from now on.
        """
        ...

    async def renew(self, lease: PageLease, lease_for: timedelta) -> PageLease:
        """Extend the lease; stale too where the task is being cancelled, so that other servers stop as well."""
        ...

    async def rescue(self, *, owner: str | None = None) -> int:
        """Queue again the pages of expired leases, and of all leases of `owner` (a server that is no more)."""
        ...

    async def finish_completed(self, task_id: str | None = None) -> Sequence[Task]:
        """End every running or cancelling task (or the one named) none of whose pages is left to do.

        All done: succeeded. Some failed: partially_succeeded. None done: failed, with the commonest reason. Cancelling:
        cancelled. A running task whose pages all wait for their next try becomes `retrying`, which is no end.

        Returns:
            The tasks that ended.
        """
        ...


class Submissions(Protocol):
    """What was sent under which idempotency key."""

    async def find(self, caller: str, key: str) -> Submitted | None:
        """What this caller sent under that key in the last 24 hours."""
        ...


class DocumentBatches(Protocol):
    """Documents that were sent together."""

    async def submit(self, new: NewDocumentBatch) -> DocumentBatch:
        """Store a batch with all its tasks and queue these, in one transaction: all or nothing.

        Raises:
            BatchTooLarge: It has more documents than may ever wait.
            QueueFull: Too many tasks wait for all of them to be added.
            DuplicateSubmission: Its idempotency key was used already.
        """
        ...

    async def find(self, caller: str, key: str) -> SubmittedBatch | None:
        """What this caller sent under that key in the last 24 hours."""
        ...

    async def get(self, batch_id: str) -> DocumentBatch:
        """The batch as it stands.

        Raises:
            NotFound: There is none of that id, or all its tasks were deleted.
        """
        ...

    async def list_batches(self, *, before: str | None = None, limit: int = 50) -> Sequence[DocumentBatch]:
        """Batches, newest first; `before` is the last batch_id of the page before."""
        ...

    async def unfinished(self, batch_id: str) -> Sequence[str]:
        """Ids of its tasks that are not over."""
        ...

    async def delete(self, batch_id: str) -> Sequence[Task]:
        """Remove a batch all of whose tasks are over or were never started, with these; returns what they were.

        Raises:
            NotFound: There is no such batch.
            Conflict: A task of it is under way.
        """
        ...
