"""Waits for changes of tasks, within this server."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from datetime import timedelta

from pagemill.domain.ports import TaskStore
from pagemill.domain.task.task import Task

LOOK_AGAIN = timedelta(seconds=5)


class Change:
    """A change to wait for. It stays noticed until a wait returns."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notice(self) -> None:
        """Record that it happened."""
        self._event.set()

    async def wait(self, within: timedelta) -> None:
        """Return once it has happened since the last wait, or after `within`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), within.total_seconds())
        self._event.clear()


class TaskWatch:
    """Wakes those who wait for a task.

    It may miss changes by other servers, so those who wait look again after a while.

    Args:
        store: All tasks.
        look_again: How long to wait for a notice before looking again.
    """

    def __init__(self, store: TaskStore, *, look_again: timedelta = LOOK_AGAIN) -> None:
        self._store = store
        self._look_again = look_again
        self._closed = False
        self._watching: defaultdict[str, set[Change]] = defaultdict(set)
        self._awaiting_end: set[Change] = set()
        self._watching_all: set[Change] = set()

    @property
    def is_closed(self) -> bool:
        """Whether the service is stopping, and everyone who waits needs an answer now."""
        return self._closed

    def notify(self, task_id: str) -> None:
        """Wake all who wait for the task: it has changed, and may have ended."""
        for change in (*self._watching.get(task_id, ()), *self._watching_all):
            change.notice()

    def notify_progress(self, task_id: str) -> None:
        """Wake those who wait for changes of the task, but not those who wait for its end: it has not ended."""
        for change in (*self._watching.get(task_id, ()), *self._watching_all):
            if change not in self._awaiting_end:
                change.notice()

    @contextmanager
    def watching(self, task_id: str) -> Iterator[Change]:
        """Notice changes from now on. Read the task inside the block, so that you miss no change before you wait."""
        change = Change()
        self._watching[task_id].add(change)
        try:
            yield change
        finally:
            self._watching[task_id].discard(change)
            if not self._watching[task_id]:
                del self._watching[task_id]

    @contextmanager
    def watching_all(self) -> Iterator[Change]:
        """Notice changes of any task from now on."""
        change = Change()
        self._watching_all.add(change)
        try:
            yield change
        finally:
            self._watching_all.discard(change)

    async def until_final(self, task_id: str, *, within: timedelta | None = None) -> Task:
        """The task once it has ended, or as it is after `within` or when the watch closes.

        Raises:
            NotFound: There is no such task, or it was deleted meanwhile.
        """
        async with aclosing(self.changes(task_id, only_end=True)) as changes:
            task = await anext(changes)
            with suppress(TimeoutError):
                async with asyncio.timeout(None if within is None else within.total_seconds()):
                    async for task in changes:  # noqa: B007 - keep only the last
                        pass
        return task

    async def changes(self, task_id: str, *, only_end: bool = False) -> AsyncGenerator[Task, None]:
        """Yield the task now and after every change, until it is final or the watch closes.

        Args:
            task_id: The task.
            only_end: Ignore mere progress.

        Raises:
            NotFound: There is no such task, or it was deleted meanwhile.
        """
        with self.watching(task_id) as change:
            if only_end:
                self._awaiting_end.add(change)
            try:
                while True:
                    task = await self._store.get(task_id)
                    yield task
                    if task.status.is_final or self._closed:
                        return
                    await change.wait(self._look_again)
            finally:
                self._awaiting_end.discard(change)

    def close(self) -> None:
        """Wake everyone who waits for a task, because the service is stopping."""
        self._closed = True
        for change in [*self._watching_all, *(each for watching in self._watching.values() for each in watching)]:
            change.notice()
