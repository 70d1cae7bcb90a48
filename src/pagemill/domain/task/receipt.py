"""The memory receipt of a task: its reservations, its peaks, and what happened when memory was not enough."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pagemill.domain.task.events import EventRecord, TaskEvent
from pagemill.domain.task.task import Task, TaskPage

RECEIPT_EVENTS = frozenset(
    {
        TaskEvent.QUEUED,
        TaskEvent.REQUEUED,
        TaskEvent.STARTED,
        TaskEvent.CANCELLED,
        TaskEvent.EXPIRED,
        TaskEvent.FAILED,
        TaskEvent.PAGE_RETRIED,
        TaskEvent.WORKER_LOST,
        TaskEvent.OOM_RECOVERY,
        TaskEvent.MEMORY_WARNING,
        TaskEvent.RESOURCE_RELEASED,
    }
)
"""The events that a receipt uses."""


@dataclass(frozen=True)
class RungTaken:
    """One step up the out-of-memory ladder.

    Attributes:
        page: 1-based number of the page that ran out of memory.
        rung: The next rung ("smaller_batch", "alone", …); None: the page failed.
        reason: The reason of the failure.
        device: Where the page ran out of memory.
        reached_mb: The worker's peak when it failed, MiB.
        at: The time.
    """

    page: int
    rung: str | None
    reason: str
    device: str
    reached_mb: int
    at: datetime


@dataclass(frozen=True)
class Receipt:
    """The memory and time that a task has used so far; final once the task is final.

    Attributes:
        estimated_mb: Expected peak of one worker before the task ran, MiB.
        reserved_mb: The highest reservation of any of its chunks, MiB; None until a chunk has ended.
        peak_mb: The highest peak of any worker on any of its pages, MiB; None until a page has run.
        devices: The devices that worked on its pages, in order of first use; before that, where it will run.
        rungs: Steps up the out-of-memory ladder, in order.
        retries: Number of page retries, by reason.
        workers_lost: Workers that died with one of its pages, by cause.
        memory_warnings: How often its memory, or that of its device, was near or over a limit.
        waited: Time in the queue.
        worked: Time that workers spent on pages they read.
    """

    task_id: str
    estimated_mb: int | None
    reserved_mb: int | None
    peak_mb: int | None
    devices: tuple[str, ...]
    rungs: tuple[RungTaken, ...]
    retries: Mapping[str, int]
    workers_lost: Mapping[str, int]
    memory_warnings: int
    waited: timedelta
    worked: timedelta
    is_final: bool


def make_receipt(task: Task, events: Sequence[EventRecord], pages: Iterable[TaskPage], *, now: datetime) -> Receipt:
    """Make the receipt.

    Args:
        task: The task.
        events: All its `RECEIPT_EVENTS`, oldest first; others are ignored.
        pages: Its pages.
        now: The present time, for a wait that has not ended.
    """
    of = {kind: [event for event in events if event.event_type is kind] for kind in RECEIPT_EVENTS}
    released, lost = of[TaskEvent.RESOURCE_RELEASED], of[TaskEvent.WORKER_LOST]
    devices = dict.fromkeys(str(event.details["device"]) for event in released if event.details.get("device"))
    return Receipt(
        task_id=task.task_id,
        estimated_mb=task.estimated_memory_mb,
        reserved_mb=_find_highest(released, "reserved_mb"),
        peak_mb=max(filter(None, (task.actual_memory_mb, _find_highest(lost, "peak_mb"))), default=None),
        devices=tuple(devices) or ((task.assigned_device,) if task.assigned_device else ()),
        rungs=tuple(map(_rung_taken, of[TaskEvent.OOM_RECOVERY])),
        retries=_count_details(of[TaskEvent.PAGE_RETRIED], "reason", "cause"),
        workers_lost=_count_details(lost, "cause"),
        memory_warnings=len(of[TaskEvent.MEMORY_WARNING]),
        waited=_sum_waits(events, now),
        worked=timedelta(seconds=sum(page.seconds or 0.0 for page in pages)),
        is_final=task.status.is_final,
    )


def _find_highest(events: Iterable[EventRecord], name: str) -> int | None:
    return max((value for event in events if isinstance(value := event.details.get(name), int) and value), default=None)


def _count_details(events: Iterable[EventRecord], *names: str) -> Mapping[str, int]:
    """Count events by the first of these details that each has."""
    found = (next((event.details[name] for name in names if event.details.get(name)), "unknown") for event in events)
    return dict(Counter(map(str, found)))


def _rung_taken(event: EventRecord) -> RungTaken:
    details = event.details
    rung = details.get("next_rung")
    return RungTaken(
        page=int(details.get("page") or 0),
        rung=None if rung is None else str(rung),
        reason=str(details.get("reason", "")),
        device=str(details.get("device", "")),
        reached_mb=int(details.get("reached_mb") or 0),
        at=event.timestamp,
    )


def _sum_waits(events: Iterable[EventRecord], now: datetime) -> timedelta:
    """Total time between each entry into the queue and the event that ended that wait."""
    waited, since = timedelta(), None
    for event in events:
        match event.event_type:
            case TaskEvent.QUEUED | TaskEvent.REQUEUED:
                since = since or event.timestamp
            case TaskEvent.STARTED | TaskEvent.CANCELLED | TaskEvent.EXPIRED | TaskEvent.FAILED if since is not None:
                waited, since = waited + (event.timestamp - since), None
    return waited + (now - since) if since is not None else waited
