"""What is written down about work: logs, samples, figures, messages to others, what was learned; asked of the store."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from pydantic import JsonValue

from pagemill.domain.reports.service_status import TaskSample
from pagemill.domain.reports.snapshot import QueueSnapshot
from pagemill.domain.task.events import Details, EventRecord, TaskEvent, TaskNotice
from pagemill.domain.task.task import Task
from pagemill.domain.task.webhooks import Delivery


class EventLog(Protocol):
    """The durable log of what happened to tasks."""

    async def append(self, task_id: str, event: TaskEvent, details: Details | None = None) -> None:
        """Write one entry."""
        ...

    async def read(
        self, task_id: str, *, after: int = 0, limit: int = 500, kinds: Collection[TaskEvent] = ()
    ) -> Sequence[EventRecord]:
        """Entries of one task with a higher sequence than `after`, oldest first; no `kinds` means all of them."""
        ...


class ResourceLog(Protocol):
    """What tasks hold, from the first service to the end of their cleanup; each step is durable at once."""

    async def acquired(self, task_id: str, service: str, details: Details) -> None:
        """A service works for the task from now on: recorded on it, and in its log."""
        ...

    async def released(self, task_id: str, details: Details) -> Task:
        """A service is free again: in the task's log. Returns the task as it stands."""
        ...

    async def cleaned(self, task_id: str) -> Sequence[int]:
        """Say on the task and in its log that it holds nothing, unless pages of it are leased; returns those pages.

        Of a task that bears the mark, every event is in the log.
        """
        ...


class Outbox(Protocol):
    """Messages to other services that are to be delivered at least once."""

    async def add(self, url: str, kind: str, data: Mapping[str, object]) -> None:
        """Have a message delivered."""
        ...

    async def claim(self, *, limit: int, hold_for: timedelta) -> Sequence[Delivery]:
        """Take messages whose time has come; nobody else takes them while they are held, and then they are due again.

        Each claim counts as a try.
        """
        ...

    async def delivered(self, delivery: Delivery) -> None:
        """It arrived."""
        ...

    async def failed(self, delivery: Delivery, error: str, *, retry_in: timedelta | None) -> None:
        """It did not arrive; it is due again after `retry_in`, or given up where that is None."""
        ...

    async def prune(self) -> None:
        """Forget what was settled long ago."""
        ...


class TaskSamples(Protocol):
    """Memory of running tasks over time."""

    async def add(self, samples: Sequence[TaskSample]) -> None:
        """Write samples at once; those of tasks that are no more are left out."""
        ...

    async def read(self, task_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[TaskSample]:
        """Samples of one task with a higher sequence than `after`, oldest first."""
        ...

    async def latest(self, task_id: str) -> Sequence[TaskSample]:
        """All that were taken of the task at the last moment any was taken."""
        ...


class TaskNotices(Protocol):
    """The log of all tasks together, thinned out: which tasks something happened to."""

    async def latest(self) -> int:
        """The highest sequence in the log; 0 where nothing happened yet."""
        ...

    async def read(self, *, after: int, limit: int = 200, batch_id: str | None = None) -> Sequence[TaskNotice]:
        """Tasks (of the batch) with events of a higher sequence than `after`, each once, by its newest."""
        ...


class QueueStatistics(Protocol):
    """Numbers about the queue, for people."""

    async def statistics(self) -> QueueSnapshot:
        """The queue at this moment."""
        ...


class LearnedState(Protocol):
    """What was learned while running, kept by name across restarts."""

    async def save(self, name: str, value: Mapping[str, JsonValue]) -> None:
        """Keep it, in place of what was kept under that name."""
        ...

    async def load(self, name: str) -> Mapping[str, JsonValue] | None:
        """What was kept last; None where nothing was."""
        ...


class Learner(Protocol):
    """Something that learns while running, and can tell all of it as plain values."""

    def snapshot(self) -> Mapping[str, JsonValue]:
        """All that was learned."""
        ...

    def restore(self, snapshot: Mapping[str, JsonValue]) -> None:
        """Take over what `snapshot` gave, in place of what was learned so far.

        Raises:
            ValueError: It cannot be understood; nothing is changed.
        """
        ...
