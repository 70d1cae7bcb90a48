"""Live feeds: the events of one task, and notices about all tasks.

Both read the database; the watch only says when to look. So a reader that returns after any gap, at any server,
continues after the last sequence number that it saw.
"""

import math
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta

from pagemill.domain.ports import Clock, EventLog, TaskNotices, TaskStore
from pagemill.domain.task.events import EventRecord, TaskNotice
from pagemill.tasks.progress.task_watch import LOOK_AGAIN, TaskWatch

EVENTS_AT_ONCE = 200
NOTICES_AT_ONCE = 200
LEAST_BETWEEN_NOTICES = timedelta(milliseconds=250)
"""Tasks change with every page; views update less often."""


class EventFeed:
    """Follows tasks for readers. Runs in the server process.

    Every generator yields an empty sequence if nothing has happened for a while, so that its reader can send a
    heartbeat. It ends when the service stops.
    """

    def __init__(
        self, *, store: TaskStore, events: EventLog, notices: TaskNotices, watch: TaskWatch, clock: Clock
    ) -> None:
        self._store = store
        self._events = events
        self._notices = notices
        self._watch = watch
        self._clock = clock

    async def follow(self, task_id: str, *, after: int = 0) -> AsyncGenerator[Sequence[EventRecord], None]:
        """Yield the task's events with a higher sequence than `after`, until it has ended and is cleaned up.

        Raises:
            NotFound: There is no such task, or it was deleted meanwhile.
        """
        with self._watch.watching(task_id) as change:
            while True:
                # read before its events: if the task is over by now, no events follow these
                task = await self._store.get(task_id)
                events = await self._events.read(task_id, after=after, limit=EVENTS_AT_ONCE)
                if events:
                    after = events[-1].sequence
                    yield events
                if len(events) == EVENTS_AT_ONCE:
                    continue
                if self._watch.is_closed or (task.status.is_final and task.resource_cleanup_completed):
                    return
                if not events:
                    yield ()
                await change.wait(LOOK_AGAIN)

    async def notices(
        self, *, after: int | None = None, caller: str | None = None
    ) -> AsyncGenerator[Sequence[TaskNotice], None]:
        """Yield which tasks changed, with their progress, each task at most once at a time.

        Args:
            after: Sequence number to continue after; None for new events only.
            caller: Whose tasks; None for everyone's.
        """
        if caller is not None:
            async for found in self._notices_of(caller, after=after):
                yield found
            return
        with self._watch.watching_all() as change:
            seen = await self._notices.find_latest() if after is None else after
            while not self._watch.is_closed:
                found = await self._notices.read(after=seen, limit=NOTICES_AT_ONCE)
                yield found
                if found:
                    seen = found[-1].sequence
                    await self._clock.sleep(LEAST_BETWEEN_NOTICES.total_seconds())
                if len(found) < NOTICES_AT_ONCE:
                    await change.wait(LOOK_AGAIN)

    async def _notices_of(self, caller: str, *, after: int | None) -> AsyncGenerator[Sequence[TaskNotice], None]:
        """The same for one caller; not even the times of its yields may reveal changes of others' tasks."""
        with self._watch.watching_all() as change:
            seen = await self._notices.find_latest() if after is None else after
            yielded = -math.inf
            while not self._watch.is_closed:
                newest = await self._notices.find_latest()  # read first, so that later events are not skipped
                found = await self._notices.read(after=seen, limit=NOTICES_AT_ONCE, caller=caller)
                if found or self._clock.monotonic() - yielded >= LOOK_AGAIN.total_seconds():
                    yield found
                    yielded = self._clock.monotonic()
                seen = found[-1].sequence if found else max(seen, newest)
                await self._clock.sleep(LEAST_BETWEEN_NOTICES.total_seconds())
                if len(found) < NOTICES_AT_ONCE:
                    await change.wait(LOOK_AGAIN)
