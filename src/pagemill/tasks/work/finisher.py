"""Follows every running task to its end, and cleans up after it."""

import asyncio
import logging

from pagemill.domain.errors import NotFound
from pagemill.domain.ports import TaskStore
from pagemill.domain.task.task import TaskStatus
from pagemill.tasks.progress.task_watch import TaskWatch
from pagemill.tasks.work.cleanup import TaskCleaner

logger = logging.getLogger(__name__)

MOST_RESUMED = 10_000


class TaskFinisher:
    """One background task for each running task. Runs in the server process.

    Args:
        store: Tasks.
        watch: Notices the end of a task.
        cleaner: Cleans up after tasks.
        resumes: Whether `start` follows running tasks. Only for a single server; others would follow them too.
    """

    def __init__(self, *, store: TaskStore, watch: TaskWatch, cleaner: TaskCleaner, resumes: bool = True) -> None:
        self._store = store
        self._watch = watch
        self._cleaner = cleaner
        self._resumes = resumes
        self._following: dict[str, asyncio.Task[None]] = {}

    async def process_document_task(self, task_id: str) -> None:
        """Wait for the end of a task, whether it succeeds or fails, and clean up after it.

        A shutdown cancels this without a cleanup: the task continues after the next start. A deleted task needs no
        cleanup.
        """
        try:
            task = await self._watch.until_final(task_id)
        except NotFound:
            return
        if task.status.is_final:
            await self._cleaner.cleanup_task_resources(task_id)

    def follow(self, task_id: str) -> None:
        """Run `process_document_task` in the background, once per task."""
        if task_id not in self._following:
            work = asyncio.create_task(self.process_document_task(task_id), name=f"task {task_id}")
            self._following[task_id] = work
            work.add_done_callback(lambda done: self._note_end(task_id, done))

    async def start(self) -> None:
        """See `Runnable.start`. With `resumes`, it follows the tasks that were running when the server last stopped."""
        if not self._resumes:
            return
        for status in (TaskStatus.RUNNING, TaskStatus.RETRYING, TaskStatus.CANCELLING):
            for task in await self._store.list_tasks(status=status, limit=MOST_RESUMED):
                self.follow(task.task_id)

    async def stop(self) -> None:
        """See `Runnable.stop`."""
        works = list(self._following.values())
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    def _note_end(self, task_id: str, work: asyncio.Task[None]) -> None:
        del self._following[task_id]
        if not work.cancelled() and (error := work.exception()) is not None:
            logger.error("Following task %s failed; the rescuer takes over", task_id, exc_info=error)
