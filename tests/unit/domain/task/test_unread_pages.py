"""Why a page was not read is told of every page that was not."""

from dataclasses import replace
from datetime import UTC, datetime

from pagemill.domain.documents import DocumentKind
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.task.results import UnreadPage, unread_page
from pagemill.domain.task.task import PageState, StoredDocument, Task, TaskOptions, TaskPage, TaskStatus
from pagemill.domain.work.recognition import Stage

TASK = Task(
    task_id="a",
    status=TaskStatus.CANCELLED,
    document=StoredDocument("/in/a", "a.pdf", 7, "0" * 64),
    kind=DocumentKind.PDF,
    page_count=9,
    options=TaskOptions(),
    priority=0,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
LATE = replace(
    TASK,
    status=TaskStatus.EXPIRED,
    failure_reason=TaskFailureReason.DEADLINE_EXCEEDED,
    failure_message="The task was not done by its deadline.",
)
OPEN = TaskPage("a", 7, PageState.CANCELLED, Stage.OCR)


def test_a_page_that_was_left_has_the_reason_of_its_task() -> None:
    late = UnreadPage(7, TaskFailureReason.DEADLINE_EXCEEDED, "The task was not done by its deadline.")
    assert unread_page(OPEN, LATE) == late
    left = unread_page(OPEN, TASK)
    assert (left.number, left.reason, "cancelled" in left.message) == (7, TaskFailureReason.CANCELLED, True)


def test_a_page_that_failed_has_its_own() -> None:
    reason = TaskFailureReason.ENGINE_ERROR
    failed = replace(OPEN, state=PageState.FAILED, failure_reason=reason, failure_message="It is smudged.")
    assert unread_page(failed, LATE) == UnreadPage(7, reason, "It is smudged.")
