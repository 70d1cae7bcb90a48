from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pagemill.domain.documents import DocumentKind
from pagemill.domain.task.task import TRANSITIONS, StoredDocument, Task, TaskOptions, TaskStatus
from pagemill.store.completion import final_status

TASK = Task(
    task_id="a",
    status=TaskStatus.RUNNING,
    document=StoredDocument("/in/a", "a.pdf", 1, "0" * 64),
    kind=DocumentKind.PDF,
    page_count=3,
    options=TaskOptions(),
    priority=0,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    pages_total=3,
)


@pytest.mark.parametrize(
    ("status", "done", "failed", "end"),
    [
        (TaskStatus.RUNNING, 3, 0, TaskStatus.SUCCEEDED),
        (TaskStatus.RUNNING, 2, 1, TaskStatus.PARTIALLY_SUCCEEDED),
        (TaskStatus.RUNNING, 0, 3, TaskStatus.FAILED),
        (TaskStatus.CANCELLING, 3, 0, TaskStatus.CANCELLED),
        (TaskStatus.CANCELLING, 0, 1, TaskStatus.CANCELLED),
    ],
)
def test_how_a_task_ends(status: TaskStatus, done: int, failed: int, end: TaskStatus) -> None:
    assert final_status(replace(TASK, status=status, pages_done=done, pages_failed=failed)) is end
    assert end in TRANSITIONS[status]
