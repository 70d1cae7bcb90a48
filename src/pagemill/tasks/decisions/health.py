"""The health of one task: a pure decision about what deserves a warning."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pagemill.domain.memory import MIB, DeviceMemory, MemoryLevel
from pagemill.domain.reports.service_status import TaskHealth
from pagemill.domain.reports.snapshot import ModelSetSnapshot
from pagemill.domain.task.task import Task, TaskPage

SLOW_PAGE = timedelta(seconds=60)
MOST_TOLD = 10
"""Maximum number of page warnings to list; the rest are only counted."""


def health_of(
    task: Task,
    pages: Sequence[TaskPage],
    *,
    usage_mb: int | None,
    promised_mb: int,
    devices: Sequence[DeviceMemory],
    unkillable: Sequence[ModelSetSnapshot] = (),
    now: datetime,
) -> TaskHealth:
    """The answer to `GET /tasks/{task_id}/health`.

    Args:
        task: The task.
        pages: All its pages.
        usage_mb: Present memory of its workers, MiB; None while no worker works on it.
        promised_mb: Its largest reservation, MiB; 0 if there was none yet.
        devices: The devices where it runs, ran or will run.
        unkillable: Workers on these devices that do not end although they were killed.
        now: The time.
    """
    return TaskHealth(
        status=task.status,
        memory_usage_mb=usage_mb,
        processing_time_s=_processing_seconds(task, now),
        device=task.assigned_device,
        warnings=(
            *_warnings(task, pages, max(usage_mb or 0, task.actual_memory_mb or 0), promised_mb, devices),
            *map(_describe_unkillable, unkillable),
            *_of_pages(pages),
        ),
    )


def _of_pages(pages: Sequence[TaskPage]) -> Sequence[str]:
    """The warnings about pages for readers of the result; equal warnings of one page appear once."""
    warnings = [f"Page {page.number}: {text}" for page in pages for text in dict.fromkeys(map(str, page.warnings))]
    more = len(warnings) - MOST_TOLD
    if more <= 1:
        return warnings
    return [*warnings[:MOST_TOLD], f"{more} more warnings: see the list of pages."]


def _describe_unkillable(worker: ModelSetSnapshot) -> str:
    return (
        f"Process {worker.pid} on {worker.key.device} does not end although Pagemill killed it; it still holds "
        f"{worker.rss_bytes // MIB} MiB. Check for a hung disk or driver."
    )


def _processing_seconds(task: Task, now: datetime) -> float | None:
    return ((task.finished_at or now) - task.started_at).total_seconds() if task.started_at else None


def _warnings(
    task: Task, pages: Sequence[TaskPage], used_mb: int, promised_mb: int, devices: Sequence[DeviceMemory]
) -> list[str]:
    retried = sum(page.attempts + page.crashes for page in pages)
    slow = [page.number for page in pages if page.seconds is not None and page.seconds > SLOW_PAGE.total_seconds()]
    warnings = []
    promised_mb = max(promised_mb, task.estimated_memory_mb or 0)
    if promised_mb and used_mb > promised_mb:
        warnings.append(f"Uses {used_mb} MiB, more than the {promised_mb} MiB reserved for it.")
    if slow:
        warnings.append(f"Slow: {len(slow)} pages took longer than {SLOW_PAGE.total_seconds():.0f} s.")
    if retried:
        warnings.append(f"Pages were retried {retried} times.")
    warnings += [
        f"{device.device} is near its memory limit ({device.used_bytes // MIB} of {device.limit_bytes // MIB} MiB)."
        for device in devices
        if device.level > MemoryLevel.NORMAL
    ]
    return warnings
