"""The receipt is made of what the task's log says, and of nothing else."""

from datetime import UTC, datetime, timedelta

from pagemill.domain.documents import DocumentKind
from pagemill.domain.memory import CPU
from pagemill.domain.task.events import Details, EventRecord, TaskEvent
from pagemill.domain.task.receipt import RECEIPT_EVENTS, make_receipt
from pagemill.domain.task.task import PageState, StoredDocument, Task, TaskOptions, TaskPage, TaskStatus
from pagemill.domain.work.recognition import Stage

START = datetime(2026, 1, 1, tzinfo=UTC)
TASK = Task(
    task_id="a",
    status=TaskStatus.SUCCEEDED,
    document=StoredDocument("/a", "a.pdf", 1, "0" * 64),
    kind=DocumentKind.PDF,
    page_count=2,
    options=TaskOptions(),
    priority=0,
    created_at=START,
    estimated_memory_mb=700,
    actual_memory_mb=640,
    assigned_device=CPU,
)


def log(*entries: tuple[int, TaskEvent, Details]) -> list[EventRecord]:
    """Events at so many seconds from the start."""
    return [
        EventRecord(number, "a", kind, START + timedelta(seconds=at), details)
        for number, (at, kind, details) in enumerate(entries, start=1)
    ]


def make_released(at: int, device: str, reserved_mb: int, peak_mb: int) -> tuple[int, TaskEvent, Details]:
    details: Details = {"service_instance_id": "s", "device": device, "reserved_mb": reserved_mb, "peak_mb": peak_mb}
    return at, TaskEvent.RESOURCE_RELEASED, details


def test_it_names_the_highest_reservation_and_peak_and_every_device_in_order() -> None:
    events = log(
        make_released(1, "cuda:0", 900, 300), make_released(2, "cpu", 1200, 640), make_released(3, "cuda:0", 0, 0)
    )  # the last was cancelled before its end
    receipt = make_receipt(TASK, events, (), now=START)
    assert (receipt.estimated_mb, receipt.reserved_mb, receipt.peak_mb) == (700, 1200, 640)
    assert receipt.devices == ("cuda:0", "cpu")
    assert receipt.is_final


def test_a_task_that_has_not_run_yet_has_a_receipt_too() -> None:
    receipt = make_receipt(TASK, log((5, TaskEvent.QUEUED, {})), (), now=START + timedelta(seconds=20))
    assert receipt.reserved_mb is None
    assert receipt.devices == ("cpu",)
    assert receipt.waited == timedelta(seconds=15)
    assert receipt.worked == timedelta()


def test_waiting_is_counted_from_every_queueing_to_what_ended_it() -> None:
    events = log(
        (0, TaskEvent.QUEUED, {}),
        (10, TaskEvent.STARTED, {}),
        (50, TaskEvent.REQUEUED, {}),
        (53, TaskEvent.STARTED, {}),
        (60, TaskEvent.QUEUED, {}),
        (61, TaskEvent.CANCELLED, {}),
    )
    assert make_receipt(TASK, events, (), now=START + timedelta(days=1)).waited == timedelta(seconds=14)


def test_what_went_wrong_is_listed_with_its_reason() -> None:
    oom: Details = {"page": 2, "reason": "out_of_memory", "device": "cpu", "reached_mb": 800, "next_rung": "alone"}
    events = log(
        (1, TaskEvent.OOM_RECOVERY, oom),
        (1, TaskEvent.PAGE_RETRIED, {"page": 2, "reason": "out_of_memory"}),
        (2, TaskEvent.WORKER_LOST, {"page": 2, "cause": "crash", "peak_mb": 990}),
        (2, TaskEvent.PAGE_RETRIED, {"page": 2, "reason": "worker_crashed"}),
        (3, TaskEvent.PAGE_RETRIED, {"page": 1, "cause": "lease_lost"}),
        (3, TaskEvent.MEMORY_WARNING, {"kind": "over_promise"}),
        (4, TaskEvent.OOM_RECOVERY, {**oom, "next_rung": None}),
    )
    receipt = make_receipt(TASK, events, (), now=START)
    assert receipt.retries == {"out_of_memory": 1, "worker_crashed": 1, "lease_lost": 1}
    assert receipt.workers_lost == {"crash": 1}
    assert receipt.peak_mb == 990
    assert receipt.memory_warnings == 1
    assert [(rung.page, rung.rung, rung.reached_mb) for rung in receipt.rungs] == [(2, "alone", 800), (2, None, 800)]


def test_work_is_the_time_of_the_pages() -> None:
    pages = [
        TaskPage("a", number, PageState.DONE, Stage.OCR, seconds=seconds) for number, seconds in ((1, 1.5), (2, 2.0))
    ]
    unread = TaskPage("a", 3, PageState.FAILED, Stage.OCR)
    assert make_receipt(TASK, (), [*pages, unread], now=START).worked == timedelta(seconds=3.5)


def test_events_it_does_not_name_change_nothing() -> None:
    details: Details = {"page": 1, "cause": "x"}
    events = log(*((1, kind, details) for kind in TaskEvent if kind not in RECEIPT_EVENTS))
    assert make_receipt(TASK, events, (), now=START) == make_receipt(TASK, (), (), now=START)
