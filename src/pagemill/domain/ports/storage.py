"""What survives a crash: tasks, their pages and results, in the store. Every call can raise `DatabaseUnavailable`."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import DeviceId, MemoryNeed
from pagemill.domain.task.document_batch import DocumentBatch, NewDocumentBatch, SubmittedBatch
from pagemill.domain.task.submission import Submitted
from pagemill.domain.task.task import NewTask, PageLease, PageState, Rung, Task, TaskPage, TaskStatus
from pagemill.domain.work.backlog import Backlog, PageKind
from pagemill.domain.work.outcomes import PageFailed, PageNeedsOcr, PageRead
from pagemill.domain.work.quarantine import Circumstances


class TaskQueue(Protocol):
    """Durable priority queue of tasks. `PageQueue` leases the pages of tasks that it has started."""

    async def add_task(self, task: Task, priority: int = 0) -> Task:
        """Queue a task that is `created` (or final, to retry its failed pages).

        It waits for the device of `task`, with the estimate of `task`. On an error it stays as it was.

        Raises:
            NotFound: The task does not exist any more.
            QueueFull: `max_queue_size` tasks are already waiting; `details` hold `queued_tasks`, `max_queue_size` and
                `retry_after_s`.
            IllegalTransition: The task is neither created nor retriable.
        """
        ...

    async def get_next_task(self, device: DeviceId) -> Task | None:
        """Take the next waiting task assigned to `device` and mark it running; None if none waits.

        Higher priority goes first, and older tasks first among equals. Waiting raises a task's priority (ageing). A
        task that another server is taking at this moment is skipped.
        """
        ...

    async def submit(self, new: NewTask) -> Task:
        """Store a task and queue it in one transaction: both or neither.

        Raises:
            QueueFull: As `add_task`; nothing is stored.
            QuotaExceeded: The caller has reached its quota; nothing is stored.
            DuplicateSubmission: An earlier request used its idempotency key; nothing is stored.
        """
        ...

    async def requeue_task(self, task: Task, *, rung: Rung | None = None, device: DeviceId | None = None) -> Task:
        """Put a running task back in the queue, even a full one, with its priority lowered by one, down to a bound.

        It goes behind tasks that wait with the same priority, and its unserved time continues. Workers keep the pages
        they hold until they settle them or give them back. With `rung`, its waiting pages climb the out-of-memory
        ladder up to that rung, and go to `device` if one is given.

        Raises:
            NotFound: The task does not exist any more.
            IllegalTransition: The task is neither running nor waiting for a retry.
        """
        ...

    async def size(self) -> int:
        """The number of waiting tasks."""
        ...


class TaskStore(Protocol):
    """Tasks and their pages."""

    async def create(self, new: NewTask) -> Task:
        """Store a task (`created`) and its page rows in one transaction.

        Raises:
            QuotaExceeded: The caller has reached its quota.
            DuplicateSubmission: An earlier request used its idempotency key.
        """
        ...

    async def get(self, task_id: str) -> Task:
        """The task, with its page counts.

        Raises:
            NotFound: No task has that id.
        """
        ...

    async def list_tasks(
        self,
        *,
        status: TaskStatus | None = None,
        labels: Mapping[str, str] | None = None,
        batch_id: str | None = None,
        caller: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Task]:
        """Tasks of this batch and this caller with these labels, newest first.

        `before` is the last task_id of the previous page. None means any batch, or any caller.
        """
        ...

    async def pages(
        self, task_id: str, *, state: PageState | None = None, after: int = 0, limit: int | None = None
    ) -> Sequence[TaskPage]:
        """Pages of the task by number: all, or those in one state, up to a limit, after a number."""
        ...

    async def list_uncleaned(
        self, limit: int = 100, *, ended_for: timedelta = timedelta(0), after: str = ""
    ) -> Sequence[str]:
        """Ids of final tasks whose `resource_cleanup_completed` is still false this long after their end, in order.

        `after` is the last id of the previous call.
        """
        ...

    async def transition(
        self,
        task_id: str,
        status: TaskStatus,
        *,
        reason: TaskFailureReason | None = None,
        message: str | None = None,
    ) -> Task:
        """Change the status, log the event, and set the times that belong to it, in one transaction.

        Cancelling a task also cancels its queued pages. A final status cancels all unfinished pages, and leases on them
        are stale from then on. If the task already has the status, nothing happens.

        Raises:
            NotFound: The task does not exist.
            IllegalTransition: The state machine does not allow the change.
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
        """Update the resource columns; None changes nothing. `peak_memory_mb` can only raise `actual_memory_mb`.

        Raises:
            NotFound: The task does not exist.
        """
        ...

    async def delete(self, task_id: str) -> Task:
        """Delete a final or never started task with all its rows; returns the task.

        Raises:
            NotFound: The task does not exist.
            Conflict: It is still queued or running.
        """
        ...


IsGone = Callable[[DeviceId], bool]
"""Whether the device no longer exists."""


def is_never_gone(_device: DeviceId) -> bool:
    """`IsGone` if no device is ever gone."""
    return False


class OverdueTasks(Protocol):
    """Tasks that have waited too long.

    A task is unserved from the moment when it is queued, or refused a service, until a page of it is settled.
    """

    async def note_begun(self, lease: PageLease) -> None:
        """Record that a worker has begun on pages of the lease. While it holds them, the task is not unserved.

        Raises:
            StaleLease: The lease holds none of its pages any more.
        """
        ...

    async def note_refused(self, task_ids: Collection[str]) -> None:
        """Record that these tasks had their turn, but no service or no memory was free for them."""
        ...

    async def expire(self, *, queue_timeout: timedelta | None, is_gone: IsGone = is_never_gone) -> Sequence[Task]:
        """End (`expired`) the tasks past their deadline, and those that were unserved for this long (None: no limit).

        Tasks that never started end with `QUEUE_TIMEOUT`, the others with `POOL_EXHAUSTED`, and all whose device is
        gone with `DEVICE_UNAVAILABLE`. Finished pages remain; leases on the others become stale.
        """
        ...

    async def find_unchanged(self, silence: timedelta) -> Sequence[str]:
        """Ids of unfinished tasks whose status and pages have not changed for this long since they were queued."""
        ...

    async def end_stalled(self, task_id: str, silence: timedelta) -> Task | None:
        """End such a task (`failed`, or `cancelled` if it was cancelling); None if something has changed in it."""
        ...


class Retention(Protocol):
    """Finds and deletes data that is old enough or belongs to no task."""

    async def find_outdated(self, kept_for: timedelta, *, limit: int = 50) -> Sequence[Task]:
        """Tasks that ended (or were created and never started) longer ago than this, or than their own time to live."""
        ...

    async def unknown_tasks(self, task_ids: Sequence[str]) -> set[str]:
        """The ids that belong to no task."""
        ...

    async def unknown_documents(self, paths: Sequence[str]) -> set[str]:
        """The files that are not a task's document."""
        ...

    async def prune_samples(self, kept_for: timedelta, *, limit: int = 1000) -> int:
        """Delete the outdated ones of the `limit` oldest entries of `task_metrics`; returns how many it deleted."""
        ...

    async def prune_quarantine(self) -> None:
        """Delete old quarantine entries."""
        ...


class ResultStore(Protocol):
    """The text of finished pages."""

    def results(self, task_id: str) -> AsyncIterator[bytes]:
        """`Page.to_json()` of every finished page by number, a few at a time from the database.

        Raises:
            NotFound: The task does not exist.
        """
        ...


class PageQueue(Protocol):
    """Leases on pages of running tasks. Every write checks the lease's token: a stale one raises `StaleLease`."""

    async def backlog(self, limit: int = 256) -> Sequence[Backlog]:
        """Running tasks with unfinished pages, in the order they started; `waiting` counts pages that can run now."""
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
        """Lease up to `limit` waiting pages of one kind in the backlog, lowest numbers first.

        A page that has killed a worker, or has climbed the out-of-memory ladder, gets a separate lease. None if the
        task does not run, or no page of that kind can be worked on now.
        """
        ...

    async def commit_pages(self, lease: PageLease, outcomes: Sequence[PageRead | PageNeedsOcr]) -> None:
        """Store the results of pages and mark them done, each once; move pages without a text layer to the OCR stage.

        One transaction does all of this, or nothing.

        Raises:
            StaleLease: One of the pages no longer belongs to this lease; nothing was written.
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
        """Count the failure, and queue the page again after `retry_in`, or fail it for good if that is None.

        Neither a crash nor a failure that takes the page to a `rung` of the out-of-memory ladder counts as an attempt.
        After that, `device` recognises the page, if one is given; other pages of the task stay where they are. For its
        caller, a failed page is not tried again for a while under the circumstances in `quarantined`, in any document
        with the same content.

        Raises:
            StaleLease: The page no longer belongs to this lease; nothing was written.
        """
        ...

    async def give_back(
        self, lease: PageLease, pages: Sequence[int], *, refused: bool = False, need: MemoryNeed | None = None
    ) -> None:
        """Return pages; it costs them nothing.

        `refused`: no service or no memory was free for them, so the task is unserved from now on. `need`: this node is
        too small for them; they wait for one that can provide this, and start there on a low rung of the ladder.

        Raises:
            StaleLease: One of the pages no longer belongs to this lease; none was returned.
        """
        ...

    async def renew(self, lease: PageLease, lease_for: timedelta) -> PageLease:
        """Extend the lease, for its pages that are not settled yet.

        Raises:
            StaleLease: The lease or the task ended, so its pages were taken away. Also if the task is being cancelled,
                perhaps by another server: the holder must stop, and may still settle its pages or give them back.
        """
        ...

    async def rescue(self, *, owner: str | None = None) -> int:
        """Queue again the pages of expired leases, and all leases of `owner` (a dead server); returns how many.

        That costs a page no attempt. But a page that was in work in many such leases in a row fails, because it may be
        what ends the servers.
        """
        ...

    async def finish_completed(self, task_id: str | None = None) -> Sequence[Task]:
        """End every running or cancelling task (or only the given one) that has no unfinished pages.

        All done: succeeded. Some failed: partially_succeeded. None done: failed, with the most common reason.
        Cancelling: cancelled. A running task whose pages all wait for their next attempt becomes `retrying`.

        Returns:
            The tasks that ended.
        """
        ...


class Submissions(Protocol):
    """Earlier requests by idempotency key."""

    async def find(self, caller: str, key: str) -> Submitted | None:
        """What this caller sent under that key in the last 24 hours."""
        ...


class DocumentBatches(Protocol):
    """Documents sent together."""

    async def submit(self, new: NewDocumentBatch) -> DocumentBatch:
        """Store a batch with all its tasks and queue the tasks, in one transaction: all or nothing.

        Raises:
            BatchTooLarge: It has more documents than the queue can hold.
            QueueFull: The queue has no room for all of them now.
            QuotaExceeded: The caller has reached its quota.
            DuplicateSubmission: An earlier request used its idempotency key.
        """
        ...

    async def find(self, caller: str, key: str) -> SubmittedBatch | None:
        """What this caller sent under that key in the last 24 hours."""
        ...

    async def get(self, batch_id: str) -> DocumentBatch:
        """The batch as it is now.

        Raises:
            NotFound: No batch has that id, or all its tasks were deleted.
        """
        ...

    async def list_batches(
        self, *, caller: str | None = None, before: str | None = None, limit: int = 50
    ) -> Sequence[DocumentBatch]:
        """Batches of this caller, or of all, newest first; `before` is the last batch_id of the previous page."""
        ...

    async def find_unfinished(self, batch_id: str) -> Sequence[str]:
        """Ids of its unfinished tasks."""
        ...

    async def delete(self, batch_id: str) -> Sequence[Task]:
        """Delete a batch and its tasks, which must all have ended or never started; returns the tasks.

        Raises:
            NotFound: There is no such batch.
            Conflict: One of its tasks is still queued or running.
        """
        ...
