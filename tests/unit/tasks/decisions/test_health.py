"""What of a task is worth a warning."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pagemill.domain.documents import DocumentKind
from pagemill.domain.memory import CPU, MIB, DeviceMemory, MemoryLevel, MemoryNeed
from pagemill.domain.page.page import PageWarning, WarningKind
from pagemill.domain.reports.snapshot import ModelSetSnapshot
from pagemill.domain.task.task import PageState, StoredDocument, Task, TaskOptions, TaskPage, TaskStatus
from pagemill.domain.work.recognition import ModelSetKey, Stage
from pagemill.tasks.decisions.health import MOST_TOLD, health_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TASK = Task(
    task_id="a",
    status=TaskStatus.RUNNING,
    document=StoredDocument("/in/a", "a.pdf", 7, "0" * 64),
    kind=DocumentKind.PDF,
    page_count=2,
    options=TaskOptions(),
    priority=0,
    created_at=NOW - timedelta(seconds=50),
    started_at=NOW - timedelta(seconds=40),
    estimated_memory_mb=700,
    assigned_device=CPU,
)
PAGE = TaskPage("a", 1, PageState.DONE, Stage.OCR, seconds=60.0)
FINE = DeviceMemory(CPU, 1000 * MIB, 800 * MIB, 0, MemoryLevel.NORMAL)


def test_a_task_that_does_well_has_no_warnings() -> None:
    health = health_of(TASK, [PAGE], usage_mb=700, promised_mb=0, devices=[FINE], now=NOW)
    assert (health.status, health.memory_usage_mb, health.device) == (TaskStatus.RUNNING, 700, CPU)
    assert (health.processing_time_s, health.warnings) == (40.0, ())


@pytest.mark.parametrize(
    ("task", "page", "usage_mb", "device", "warning"),
    [
        (TASK, PAGE, 701, FINE, "Uses 701 MiB, more than the 700 MiB reserved for it."),
        (
            replace(TASK, actual_memory_mb=900),
            PAGE,
            None,
            FINE,
            "Uses 900 MiB, more than the 700 MiB reserved for it.",
        ),
        (TASK, replace(PAGE, seconds=60.1), 700, FINE, "Slow: 1 pages took longer than 60 s."),
        (TASK, replace(PAGE, attempts=2, crashes=1), 700, FINE, "Pages were retried 3 times."),
        (
            TASK,
            PAGE,
            700,
            replace(FINE, level=MemoryLevel.SOFT),
            "cpu is near its memory limit (800 of 1000 MiB).",
        ),
    ],
)
def test_what_is_out_of_the_ordinary_is_said(
    *, task: Task, page: TaskPage, usage_mb: int | None, device: DeviceMemory, warning: str
) -> None:
    assert health_of(task, [page], usage_mb=usage_mb, promised_mb=0, devices=[device], now=NOW).warnings == (warning,)


def test_what_was_reserved_for_it_counts_where_that_is_more_than_the_estimate() -> None:
    task = replace(TASK, actual_memory_mb=900)
    assert health_of(task, [PAGE], usage_mb=None, promised_mb=900, devices=[FINE], now=NOW).warnings == ()
    (warning,) = health_of(task, [PAGE], usage_mb=None, promised_mb=899, devices=[FINE], now=NOW).warnings
    assert warning == "Uses 900 MiB, more than the 899 MiB reserved for it."


def test_a_worker_that_cannot_be_ended_is_told_with_what_to_look_for() -> None:
    key = ModelSetKey("rapidocr", "accurate", (), CPU)
    stuck = ModelSetSnapshot("w", key, 17, 0, timedelta(), 300 * MIB, MemoryNeed(512 * MIB), unkillable=True)
    health = health_of(TASK, [PAGE], usage_mb=None, promised_mb=0, devices=[FINE], unkillable=[stuck], now=NOW)
    (warning,) = health.warnings
    assert warning.startswith("Process 17 on cpu does not end although Pagemill killed it; it still holds 300 MiB")


def test_time_counts_from_the_start_to_the_end() -> None:
    waiting = replace(TASK, status=TaskStatus.QUEUED, started_at=None)
    assert health_of(waiting, [], usage_mb=None, promised_mb=0, devices=[], now=NOW).processing_time_s is None
    over = replace(TASK, status=TaskStatus.SUCCEEDED, finished_at=NOW - timedelta(seconds=10))
    assert health_of(over, [], usage_mb=None, promised_mb=0, devices=[], now=NOW).processing_time_s == 30.0


@pytest.mark.parametrize(("pages", "told"), [(1, 1), (MOST_TOLD + 1, MOST_TOLD + 1), (MOST_TOLD + 2, MOST_TOLD + 1)])
def test_warnings_of_pages_are_told_each_once_and_not_without_end(pages: int, told: int) -> None:
    unread = PageWarning(kind=WarningKind.UNREAD_INK, message="Unread.", box=(1, 2, 3, 4))
    doubtful = [replace(PAGE, number=number, warnings=(unread, unread)) for number in range(1, pages + 1)]
    warnings = health_of(TASK, doubtful, usage_mb=None, promised_mb=900, devices=[FINE], now=NOW).warnings
    assert warnings[0] == "Page 1: Unread (x 1 to 3, y 2 to 4)."
    assert len(warnings) == told
    if pages > told:
        assert warnings[-1] == "2 more warnings: see the list of pages."
