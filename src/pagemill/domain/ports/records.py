"""What `tasks` records about work in the store: logs, samples, statistics, webhook messages, learned state.

Every awaited call can raise `DatabaseUnavailable`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from pydantic import JsonValue

from pagemill.domain.reports.service_status import TaskSample
from pagemill.domain.reports.snapshot import QueueSnapshot
from pagemill.domain.task.events import Details, EventRecord, TaskEvent, TaskNotice
from pagemill.domain.task.task import Task, TaskStatus
from pagemill.domain.task.webhooks import Delivery


class EventLog(Protocol):
    """The durable log of task events."""

    async def append(self, task_id: str, event: TaskEvent, details: Details | None = None) -> None:
        """Write one entry.

        Raises:
            NotFound: The task does not exist.
        """
        ...

    async def read(
        self, task_id: str, *, after: int = 0, limit: int = 500, kinds: Collection[TaskEvent] = ()
    ) -> Sequence[EventRecord]:
        """Entries of one task with a higher sequence than `after`, oldest first; empty `kinds` means all kinds."""
        ...


class ResourceLog(Protocol):
    """The resources of tasks, from the first service to the end of their cleanup. Each step is durable at once."""

    async def record_acquired(self, task_id: str, service: str, details: Details) -> None:
        """Record on the task and in its log that a service now works for it.

        Raises:
            NotFound: The task does not exist.
        """
        ...

    async def record_released(self, task_id: str, details: Details) -> Task:
        """Record in the task's log that its service is free again. Returns the task.

        Raises:
            NotFound: The task does not exist.
        """
        ...

    async def record_cleaned(self, task_id: str) -> Sequence[int]:
        """Record on the task and in its log that it holds nothing, unless pages are leased; returns leased pages.

        The log of a task with this mark is complete.

        Raises:
            NotFound: The task does not exist.
        """
        ...


class Outbox(Protocol):
    """Messages to other services, delivered at least once."""

    async def add(self, url: str, kind: str, data: Mapping[str, object]) -> None:
        """Queue a message for delivery."""
        ...

    async def claim(self, *, limit: int, hold_for: timedelta) -> Sequence[Delivery]:
        """Claim messages that are due. No other claim gets them until the claim expires; then they are due again.

        Each claim counts as an attempt, so that a message that kills the server is not tried forever.
        """
        ...

    async def mark_delivered(self, delivery: Delivery) -> None:
        """Record that the message arrived."""
        ...

    async def mark_failed(self, delivery: Delivery, error: str, *, retry_in: timedelta | None) -> None:
        """Record a failed attempt. The message is due again after `retry_in`; None gives it up."""
        ...

    async def prune(self) -> None:
        """Delete messages that were settled long ago."""
        ...


class TaskSamples(Protocol):
    """Memory of running tasks over time."""

    async def add(self, samples: Sequence[TaskSample]) -> None:
        """Write samples at once, without those of deleted tasks."""
        ...

    async def read(self, task_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[TaskSample]:
        """Samples of one task with a higher sequence than `after`, oldest first."""
        ...

    async def find_latest(self, task_id: str) -> Sequence[TaskSample]:
        """All samples of the task from the last moment that has any."""
        ...


class TaskNotices(Protocol):
    """The log of all tasks together, condensed: which tasks had events."""

    async def find_latest(self) -> int:
        """The highest sequence in the log; 0 if it is empty."""
        ...

    async def read(
        self, *, after: int, limit: int = 200, batch_id: str | None = None, caller: str | None = None
    ) -> Sequence[TaskNotice]:
        """Tasks (of the batch, of the caller) with events of a higher sequence than `after`, each with its newest."""
        ...


class QueueStatistics(Protocol):
    """Numbers about the queue, for users."""

    async def statistics(self) -> QueueSnapshot:
        """The queue at this moment."""
        ...

    async def count_tasks(self, caller: str) -> Mapping[TaskStatus, int]:
        """Number of this caller's tasks in each status."""
        ...


class LearnedState(Protocol):
    """Learned state, kept by name across restarts."""

    async def save(self, name: str, value: Mapping[str, JsonValue]) -> None:
        """Store the state under this name, replacing the previous one."""
        ...

    async def load(self, name: str) -> Mapping[str, JsonValue] | None:
        """The state stored last; None if there is none."""
        ...


class Learner(Protocol):
    """A part that learns while it runs, and can export its state as plain values."""

    def snapshot(self) -> Mapping[str, JsonValue]:
        """Everything it has learned."""
        ...

    def restore(self, snapshot: Mapping[str, JsonValue]) -> None:
        """Replace everything learned so far with a result of `snapshot`.

        Raises:
            ValueError: It is not such a result, or of another version; nothing is changed.
        """
        ...
