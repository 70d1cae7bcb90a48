"""Cleanup after a task, however it ended: release everything, delete temporary files, verify, and mark the task."""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

from pagemill.domain.errors import NotFound
from pagemill.domain.ports import TaskStore
from pagemill.domain.task.events import TaskEvent
from pagemill.tasks.duty import with_each
from pagemill.tasks.progress.event_handlers import TaskEventHandlers
from pagemill.tasks.progress.task_watch import TaskWatch
from pagemill.tasks.removal import RESULTS_SUFFIX, remove

logger = logging.getLogger(__name__)

AT_ONCE = 100
"""Tasks that a sweep looks up at once."""


class TaskCleaner:
    """Cleans up after tasks, within a time limit each. Runs in the server process.

    A task's temporary files are in its own folder, `work_dir / task_id`.
    """

    def __init__(
        self,
        *,
        store: TaskStore,
        handlers: TaskEventHandlers,
        watch: TaskWatch,
        work_dir: Path,
        limit: timedelta = timedelta(seconds=30),
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._watch = watch
        self._work_dir = work_dir
        self._limit = limit
        self._in_cleanup: set[str] = set()
        self._begun: set[str] = set()

    async def cleanup_task_resources(self, task_id: str) -> bool:
        """Wait until its services are released, delete its temporary files, verify, and mark the task.

        Returns:
            Whether the cleanup was verified within the limit. If not, or if a file cannot be deleted, the rescuer
            tries again. Also False if another cleanup of the task is in progress.
        """
        if task_id in self._in_cleanup:
            return False
        self._in_cleanup.add(task_id)
        try:
            async with asyncio.timeout(self._limit.total_seconds()):
                return await self._clean_up(task_id)
        except TimeoutError:
            logger.warning("The cleanup of task %s took longer than %s; Pagemill tries again", task_id, self._limit)
            return False
        finally:
            self._in_cleanup.discard(task_id)

    async def sweep(self, *, ended_for: timedelta = timedelta(0)) -> None:
        """Clean up after every task that ended this long ago without a cleanup. Call it regularly.

        It passes over a task that it cannot clean up, so that every sweep ends; the next one tries that task again.
        """
        last = ""
        while found := await self._store.list_uncleaned(AT_ONCE, ended_for=ended_for, after=last):
            await with_each(
                found, self.cleanup_task_resources, name=lambda task_id: f"Cleaning up after task {task_id}"
            )
            last = found[-1]

    async def _clean_up(self, task_id: str) -> bool:
        folder = self._work_dir / task_id
        try:
            if task_id not in self._begun:
                await self._handlers.record(task_id, TaskEvent.CLEANUP_STARTED)
                self._begun.add(task_id)
            await self._until_nothing_is_held(task_id)
            is_removed = await asyncio.to_thread(remove, folder)
            is_clean = is_removed and await self._handlers.on_task_cleanup_completed(task_id)
        except NotFound:
            logger.info("Task %s was deleted before it was cleaned up", task_id)
            is_clean = await asyncio.to_thread(remove, folder)
        if is_clean:
            self._begun.discard(task_id)
        return is_clean

    async def _until_nothing_is_held(self, task_id: str) -> None:
        with self._watch.watching(task_id) as change:
            while self._handlers.services_of(task_id):
                await change.wait(self._limit)


def remove_half_made(work_dir: Path) -> None:
    """Delete incomplete pictures and results of a dead server, and results that were kept for a while.

    Only for a starting server that shares the folder with no other server: nothing in it is in use.
    """
    for path in (*work_dir.glob(f"*{RESULTS_SUFFIX}"), *work_dir.glob("*/*.part")):
        remove(path)
