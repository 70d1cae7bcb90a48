"""Deletes old data, a little at a time, and files that belong to no task."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pagemill.domain.errors import Conflict, NotFound
from pagemill.domain.ports import AuditLog, Retention, TaskStore
from pagemill.domain.task.task import Task
from pagemill.tasks.duty import Duty, take_steps, with_each
from pagemill.tasks.removal import remove, remove_task_files

logger = logging.getLogger(__name__)

AT_ONCE = 50
Unknown = Callable[[Sequence[Path]], Awaitable[Sequence[Path]]]
"""Selects the files or folders that belong to no task."""
ORPHANED_AFTER = timedelta(hours=1)
"""A newer file may belong to a task that is just being stored."""


@dataclass(frozen=True)
class PruningConfig:
    """How long to keep data, and where it is.

    Attributes:
        tasks_for: How long to keep tasks, with documents and results, after their end.
        audit_for: How long to keep uses of admin rights.
        samples_for: How long to keep samples in `task_metrics`; tasks keep their peaks.
        uploads: Folder of documents.
        work_dir: Folder of tasks' temporary folders.
        interval: Time between two runs.
    """

    tasks_for: timedelta
    uploads: Path
    work_dir: Path
    audit_for: timedelta = timedelta(days=365)
    samples_for: timedelta = timedelta(days=1)
    interval: timedelta = timedelta(minutes=10)


class Pruning:
    """A maintenance duty. Runs in the server process; several servers may run it at once.

    Args:
        config: How long to keep data.
        store: Tasks.
        retention: Finds old data.
        audit: Uses of admin rights.
        now: The time to compare with the times of files.
        remove_parts: Removes incomplete uploads; returns how many.
    """

    def __init__(
        self,
        config: PruningConfig,
        *,
        store: TaskStore,
        retention: Retention,
        audit: AuditLog,
        now: Callable[[], datetime],
        remove_parts: Callable[[], int],
    ) -> None:
        self._config = config
        self._store = store
        self._retention = retention
        self._audit = audit
        self._now = now
        self._remove_parts = remove_parts
        self._duty = Duty("pruning", self.run_once, interval=config.interval)

    async def start(self) -> None:
        """See `Runnable.start`. The first run is at once."""
        await self._duty.start()

    async def run_once(self) -> None:
        """Delete everything that is old enough."""
        await take_steps(
            tasks=self._delete_outdated,
            samples=self._prune_samples,
            quarantine=self._retention.prune_quarantine,
            audit=self._prune_audit,
            files=self._remove_orphans,
        )

    async def stop(self) -> None:
        """See `Runnable.stop`."""
        await self._duty.stop()

    async def _delete_outdated(self) -> None:
        while outdated := await self._retention.find_outdated(self._config.tasks_for, limit=AT_ONCE):
            deleted = await with_each(outdated, self._delete, name=lambda task: f"Deleting task {task.task_id}")
            if not any(deleted):
                break
            logger.info("Deleted %s tasks after their retention time", sum(deleted))

    async def _prune_samples(self) -> None:
        while await self._retention.prune_samples(self._config.samples_for):
            pass

    async def _prune_audit(self) -> None:
        while await self._audit.prune(self._config.audit_for):
            pass

    async def _delete(self, task: Task) -> bool:
        """Delete the rows first: a later run finds a file without a task, but a task without its file is broken."""
        try:
            await self._store.delete(task.task_id)
        except (NotFound, Conflict):
            return False  # another server was faster, or a user retries it
        await asyncio.to_thread(remove_task_files, task, self._config.work_dir)
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
    except FileNotFoundError:  # another server removed it
        return False
