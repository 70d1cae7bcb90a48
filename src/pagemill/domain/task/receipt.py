"""The memory receipt of a task: what was promised it, what it took, and what was done when that was not enough."""

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
"""The events a receipt is made of."""


@dataclass(frozen=True)
class RungTaken:
    """One step up the out-of-memory ladder.

    Attributes:
        page: 1-based number of the page that ran out of memory.
        rung: What was tried next ("smaller_batch", "alone", …); None: it was given up.
        reason: What it ran into.
        device: Where that was.
        reached_mb: The worker's peak when it failed, MiB.
        at: When.
    """

    page: int
    rung: str | None
    reason: str
    device: str
    reached_mb: int
    at: datetime


@dataclass(frozen=True)
class Receipt:
    """What a task took of the machine so far; final once the task is.

    Attributes:
        estimated_mb: Peak of one worker expected before it ran, MiB.
        reserved_mb: The highest reservation of any chunk of it, MiB; None until a chunk ended.
        peak_mb: The highest peak of any worker on any of its pages, MiB; None until one page ran.
        devices: Where its pages were worked, in the order they came to it; where none was yet, where it is to run.
        rungs: Steps up the out-of-memory ladder, in order.
        retries: Times a page was tried again, by reason.
        workers_lost: Workers that died with one of its pages, by cause.
        memory_warnings: Times its memory or its device's was found near or over a limit.
        waited: Time it spent in the queue.
        worked: Time workers spent on the pages that were read.
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
    """Make out the receipt.

    Args:
        task: Whose it is.
        events: All its `RECEIPT_EVENTS`, oldest first; others do not matter.
        pages: Its pages.
        now: The end of a wait that has not ended.
    """
    of = {kind: [event for event in events if event.event_type is kind] for kind in RECEIPT_EVENTS}
    released, lost = of[TaskEvent.RESOURCE_RELEASED], of[TaskEvent.WORKER_LOST]
    devices = dict.fromkeys(str(event.details["device"]) for event in released if event.details.get("device"))
    return Receipt(
        task_id=task.task_id,
        estimated_mb=task.estimated_memory_mb,
        reserved_mb=_highest(released, "reserved_mb"),
        peak_mb=max(filter(None, (task.actual_memory_mb, _highest(lost, "peak_mb"))), default=None),
        devices=tuple(devices) or ((task.assigned_device,) if task.assigned_device else ()),
        rungs=tuple(map(_rung_taken, of[TaskEvent.OOM_RECOVERY])),
        retries=_counted(of[TaskEvent.PAGE_RETRIED], "reason", "cause"),
        workers_lost=_counted(lost, "cause"),
        memory_warnings=len(of[TaskEvent.MEMORY_WARNING]),
        waited=_waited(events, now),
        worked=timedelta(seconds=sum(page.seconds or 0.0 for page in pages)),
        is_final=task.status.is_final,
    )


def _highest(events: Iterable[EventRecord], name: str) -> int | None:
    return max((value for event in events if isinstance(value := event.details.get(name), int) and value), default=None)


def _counted(events: Iterable[EventRecord], *names: str) -> Mapping[str, int]:
    """By the first of these details that an event has."""
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


def _waited(events: Iterable[EventRecord], now: datetime) -> timedelta:
    """Time between every coming into the queue and what took it out again."""
    waited, since = timedelta(), None
    for event in events:
        match event.event_type:
            case TaskEvent.QUEUED | TaskEvent.REQUEUED:
                since = since or event.timestamp
            case TaskEvent.STARTED | TaskEvent.CANCELLED | TaskEvent.EXPIRED | TaskEvent.FAILED if since is not None:
                waited, since = waited + (event.timestamp - since), None
    return waited + (now - since) if since is not None else waited
