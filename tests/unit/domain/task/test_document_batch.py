"""One status for many tasks."""

import pytest

from pagemill.domain.errors import BatchTooLarge
from pagemill.domain.task.document_batch import check_size, status_of
from pagemill.domain.task.task import TaskStatus as S


@pytest.mark.parametrize(
    ("tasks", "status"),
    [
        ((S.CREATED,), S.CREATED),
        ((S.CREATED, S.QUEUED), S.QUEUED),
        ((S.QUEUED, S.QUEUED), S.QUEUED),
        ((S.QUEUED, S.RUNNING), S.RUNNING),
        ((S.QUEUED, S.SUCCEEDED), S.RUNNING),
        ((S.CREATED, S.FAILED), S.RUNNING),
        ((S.RETRYING,), S.RUNNING),
        ((S.CANCELLING, S.RUNNING), S.RUNNING),
        ((S.CANCELLING, S.CANCELLED), S.CANCELLING),
        ((S.SUCCEEDED, S.SUCCEEDED), S.SUCCEEDED),
        ((S.CANCELLED, S.CANCELLED), S.CANCELLED),
        ((S.CANCELLED, S.SUCCEEDED), S.PARTIALLY_SUCCEEDED),
        ((S.FAILED, S.PARTIALLY_SUCCEEDED), S.PARTIALLY_SUCCEEDED),
        ((S.SUCCEEDED, S.EXPIRED), S.PARTIALLY_SUCCEEDED),
        ((S.FAILED, S.CANCELLED), S.FAILED),
        ((S.EXPIRED,), S.FAILED),
    ],
)
def test_many_tasks_have_one_status(tasks: tuple[S, ...], status: S) -> None:
    assert status_of({each: tasks.count(each) for each in tasks}) is status
    assert status_of({**dict.fromkeys(S, 0), **{each: tasks.count(each) for each in tasks}}) is status


def test_it_is_over_when_every_task_is() -> None:
    for status in S:
        assert status_of({status: 1, S.SUCCEEDED: 1}).is_final is status.is_final


def test_more_than_may_ever_wait_are_refused_with_the_numbers() -> None:
    check_size(3, 3)
    with pytest.raises(BatchTooLarge) as refused:
        check_size(4, 3)
    assert refused.value.details == {"documents": 4, "max_queue_size": 3}
