"""How one task is doing: a pure decision about what of it is worth a warning."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pagemill.domain.memory import MIB, DeviceMemory, MemoryLevel
from pagemill.domain.status import TaskHealth
from pagemill.domain.tasks import Task, TaskPage

SLOW_PAGE = timedelta(seconds=60)


def health_of(
    task: Task, pages: Sequence[TaskPage], *, usage_mb: int | None, devices: Sequence[DeviceMemory], now: datetime
) -> TaskHealth:
    """The answer to `GET /tasks/{task_id}/health`.

    Args:
        task: The task.
        pages: All its pages.
        usage_mb: What its workers hold now, MiB; None while none works on it.
        devices: The devices it runs, ran or is to run on.
        now: The time.
    """
    return TaskHealth(
        status=task.status,
        memory_usage_mb=usage_mb,
        processing_time_s=_processing_seconds(task, now),
        device=task.assigned_device,
        warnings=tuple(_warnings(task, pages, usage_mb, devices)),
    )


def _processing_seconds(task: Task, now: datetime) -> float | None:
    return ((task.finished_at or now) - task.started_at).total_seconds() if task.started_at else None


def _warnings(
    task: Task, pages: Sequence[TaskPage], usage_mb: int | None, devices: Sequence[DeviceMemory]
) -> list[str]:
    used = max(usage_mb or 0, task.actual_memory_mb or 0)
    retried = sum(page.attempts + page.crashes for page in pages)
    slow = [page.number for page in pages if page.seconds is not None and page.seconds > SLOW_PAGE.total_seconds()]
    warnings = []
    if task.estimated_memory_mb is not None and used > task.estimated_memory_mb:
        warnings.append(f"Uses {used} MiB, over the estimate of {task.estimated_memory_mb} MiB.")
    if slow:
        warnings.append(f"Slow: {len(slow)} pages took longer than {SLOW_PAGE.total_seconds():.0f} s.")
    if retried:
        warnings.append(f"Pages were tried again {retried} times.")
    warnings += [
        f"{device.device} is near its memory limit ({device.used_bytes // MIB} of {device.limit_bytes // MIB} MiB)."
        for device in devices
        if device.level > MemoryLevel.NORMAL
    ]
    return warnings
