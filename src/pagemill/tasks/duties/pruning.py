"""Deletes what has been kept long enough, a little at a time, and files that belong to nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pagemill.domain.errors import Conflict, NotFound
from pagemill.domain.ports import Retention, TaskStore
from pagemill.domain.task.task import Task
from pagemill.tasks.duty import Duty, take_steps, with_each
from pagemill.tasks.removal import remove

logger = logging.getLogger(__name__)

AT_ONCE = 50
Unknown = Callable[[Sequence[Path]], Awaitable[Sequence[Path]]]
"""Those of the files or folders that belong to no task."""
ORPHANED_AFTER = timedelta(hours=1)
"""A file that is newer may belong to a task that is just being stored."""


@dataclass(frozen=True)
class PruningConfig:
    """What is kept, and where.

    Attributes:
        tasks_for: Tasks, with documents and results, after their end.
        samples_for: Samples of `task_metrics`; the peaks stay with their tasks.
        uploads: Folder of documents.
        work_dir: Folder of tasks' temporary folders.
        interval: Between two looks.
    """

    tasks_for: timedelta
    uploads: Path
    work_dir: Path
    samples_for: timedelta = timedelta(days=1)
    interval: timedelta = timedelta(minutes=10)


class Pruning:
    """A maintenance duty. Runs in the server process, and does no harm beside others of its kind.

    Args:
        config: What is kept.
        store: Tasks.
        retention: What is to go.
        now: The time by which files' ages are told: that of the machine's file systems.
        remove_parts: Removes uploads that were never received to their end; how many.
    """

    def __init__(
        self,
        config: PruningConfig,
        *,
        store: TaskStore,
        retention: Retention,
        now: Callable[[], datetime],
        remove_parts: Callable[[], int],
    ) -> None:
        self._config = config
        self._store = store
        self._retention = retention
        self._now = now
        self._remove_parts = remove_parts
        self._duty = Duty("pruning", self.run_once, interval=config.interval)

    async def start(self) -> None:
        """Look at once, then regularly."""
        await self._duty.start()

    async def run_once(self) -> None:
        """Delete everything whose time is over."""
        await take_steps(
            tasks=self._delete_outdated,
            samples=self._prune_samples,
            quarantine=self._retention.prune_quarantine,
            files=self._remove_orphans,
        )

    async def stop(self) -> None:
        """Look no more; twice is no error."""
        await self._duty.stop()

    async def _delete_outdated(self) -> None:
        while outdated := await self._retention.outdated(self._config.tasks_for, limit=AT_ONCE):
            deleted = await with_each(outdated, self._delete, name=lambda task: f"Deleting task {task.task_id}")
            if not any(deleted):
                break
            logger.info("Deleted %s tasks after their retention time", sum(deleted))

    async def _prune_samples(self) -> None:
        while await self._retention.prune_samples(self._config.samples_for):
            pass

    async def _delete(self, task: Task) -> bool:
        """The rows first: a document without a task is found again, a task without its document is broken."""
        try:
            await self._store.delete(task.task_id)
        except (NotFound, Conflict):
            return False  # another server was faster, or somebody is trying it again
        await asyncio.to_thread(remove, Path(task.document.path))
        await asyncio.to_thread(remove, self._config.work_dir / task.task_id)
        return True

    async def _remove_orphans(self) -> None:
        removed = await asyncio.to_thread(self._remove_parts)
        removed += await self._remove_unknown(self._config.uploads, self._unknown_documents)
        removed += await self._remove_unknown(self._config.work_dir, self._unknown_folders)
        if removed:
            logger.info("Deleted %s files that belonged to no task", removed)

    async def _remove_unknown(self, folder: Path, unknown: Unknown) -> int:
        old = await asyncio.to_thread(_entries, folder, before=self._now() - ORPHANED_AFTER)
        removed = 0
        for start in range(0, len(old), AT_ONCE):
            for path in await unknown(old[start : start + AT_ONCE]):
                removed += await asyncio.to_thread(remove, path)
        return removed

    async def _unknown_documents(self, paths: Sequence[Path]) -> Sequence[Path]:
        return [Path(path) for path in await self._retention.unknown_documents([str(path) for path in paths])]

    async def _unknown_folders(self, folders: Sequence[Path]) -> Sequence[Path]:
        unknown = await self._retention.unknown_tasks([folder.name for folder in folders])
        return [folder for folder in folders if folder.name in unknown]


def _entries(folder: Path, *, before: datetime) -> list[Path]:
    if not folder.is_dir():
        return []
    return [entry for entry in sorted(folder.iterdir()) if _is_older(entry, before)]


def _is_older(entry: Path, moment: datetime) -> bool:
    try:
        return entry.lstat().st_mtime < moment.timestamp()
    except FileNotFoundError:  # somebody else removed it
        return False
