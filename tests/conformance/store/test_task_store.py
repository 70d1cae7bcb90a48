"""`TaskStore` and `ResultStore`: what is stored is what is read, and no step leaves the state machine."""

import json

import pytest
from tests.fixtures.stores import Stores, new_task, read_page

from pagemill.domain.errors import Conflict, IllegalTransition, NotFound, TaskFailureReason
from pagemill.domain.memory import DeviceId
from pagemill.domain.task.task import TRANSITIONS, PageState, TaskOptions, TaskStatus
from pagemill.domain.work.recognition import RecognitionOptions, Stage
from pagemill.store.task_store import RESULTS_AT_ONCE

OPTIONS = TaskOptions(
    pages="1-2", recognition=RecognitionOptions(languages=("zh", "en"), rotation=90), priority=7, labels={"käse": "→"}
)
WAYS = {
    TaskStatus.CREATED: (),
    TaskStatus.QUEUED: (TaskStatus.QUEUED,),
    TaskStatus.RUNNING: (TaskStatus.QUEUED, TaskStatus.RUNNING),
    TaskStatus.RETRYING: (TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.RETRYING),
    TaskStatus.CANCELLING: (TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.CANCELLING),
    TaskStatus.CANCELLED: (TaskStatus.CANCELLED,),
    TaskStatus.EXPIRED: (TaskStatus.EXPIRED,),
    TaskStatus.FAILED: (TaskStatus.QUEUED, TaskStatus.FAILED),
    TaskStatus.SUCCEEDED: (TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.SUCCEEDED),
    TaskStatus.PARTIALLY_SUCCEEDED: (TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.PARTIALLY_SUCCEEDED),
}


async def test_pages_are_read_a_few_at_a_time(stores: Stores) -> None:
    await stores.tasks.create(new_task("a", pages=5))
    assert [page.number for page in await stores.tasks.pages("a", after=1, limit=3)] == [2, 3, 4]
    assert [page.number for page in await stores.tasks.pages("a", after=4, limit=3)] == [5]
    assert [page.number for page in await stores.tasks.pages("a", after=3)] == [4, 5]


async def test_a_created_task_is_read_as_it_was_stored(stores: Stores) -> None:
    new = new_task("a", pages=2, stage=Stage.TEXT, device=DeviceId("cuda:1"), options=OPTIONS)
    task = await stores.tasks.create(new)
    assert task == await stores.tasks.get("a")
    assert (task.status, task.document, task.options) == (TaskStatus.CREATED, new.request.document, OPTIONS)
    assert (task.kind, task.page_count, task.pages_total) == (new.info.kind, 2, 2)
    assert (task.priority, task.created_at) == (7, stores.clock.now())
    assert (task.estimated_memory_mb, task.assigned_device) == (700, "cuda:1")
    assert (task.actual_memory_mb, task.service_instance_id, task.resource_cleanup_completed) == (None, None, False)
    pages = await stores.tasks.pages("a")
    assert [(page.number, page.state, page.stage) for page in pages] == [
        (1, PageState.QUEUED, Stage.TEXT),
        (2, PageState.QUEUED, Stage.TEXT),
    ]


async def test_what_is_not_there_is_not_found(stores: Stores) -> None:
    with pytest.raises(NotFound):
        await stores.tasks.get("a")
    with pytest.raises(NotFound):
        await stores.tasks.transition("a", TaskStatus.QUEUED)
    with pytest.raises(NotFound):
        await stores.tasks.track("a", peak_memory_mb=1)
    with pytest.raises(NotFound):
        await stores.tasks.delete("a")
    with pytest.raises(NotFound):
        [page async for page in stores.tasks.results("a")]
    assert await stores.tasks.pages("a") == []


async def test_tasks_are_listed_newest_first_page_by_page(stores: Stores) -> None:
    for name in ("c", "a", "e", "b", "d"):
        await stores.tasks.create(new_task(name))
    listed, before = [], None
    while tasks := await stores.tasks.list_tasks(before=before, limit=2):
        listed += [task.task_id for task in tasks]
        before = listed[-1]
    assert listed == ["e", "d", "c", "b", "a"]
    await stores.tasks.transition("b", TaskStatus.QUEUED)
    assert [task.task_id for task in await stores.tasks.list_tasks(status=TaskStatus.QUEUED)] == ["b"]


@pytest.mark.parametrize("before", TaskStatus)
async def test_the_status_changes_only_along_the_table(stores: Stores, before: TaskStatus) -> None:
    for after in TaskStatus:
        name = f"to-{after}"
        await stores.tasks.create(new_task(name, pages=1))
        for step in WAYS[before]:
            await stores.tasks.transition(name, step)
        events = len(await stores.events.read(name))
        if after in TRANSITIONS[before]:
            assert (await stores.tasks.transition(name, after)).status is after
            assert len(await stores.events.read(name)) == events + 1
        elif after is before:
            assert (await stores.tasks.transition(name, after)).status is after
            assert len(await stores.events.read(name)) == events
        else:
            with pytest.raises(IllegalTransition):
                await stores.tasks.transition(name, after)
            assert (await stores.tasks.get(name)).status is before


async def test_an_end_is_stored_with_its_reason_and_time(stores: Stores) -> None:
    await stores.add_queued("a", pages=1)
    task = await stores.tasks.transition(
        "a", TaskStatus.EXPIRED, reason=TaskFailureReason.QUEUE_TIMEOUT, message="It waited too long."
    )
    assert task == await stores.tasks.get("a")
    assert (task.failure_reason, task.failure_message) == (TaskFailureReason.QUEUE_TIMEOUT, "It waited too long.")
    assert task.finished_at == stores.clock.now()
    assert [page.state for page in await stores.tasks.pages("a")] == [PageState.CANCELLED]


async def test_cancelling_leaves_pages_in_hand_to_their_workers(stores: Stores) -> None:
    await stores.add_running("a", pages=3)
    await stores.claim("a", limit=1)
    await stores.tasks.transition("a", TaskStatus.CANCELLING)
    states = [page.state for page in await stores.tasks.pages("a")]
    assert states == [PageState.LEASED, PageState.CANCELLED, PageState.CANCELLED]


async def test_tracking_changes_what_is_named_and_only_raises_the_peak(stores: Stores) -> None:
    await stores.tasks.create(new_task("a"))
    await stores.tasks.track("a", device=DeviceId("cuda:0"), service_instance_id="s", peak_memory_mb=500)
    await stores.tasks.track("a", peak_memory_mb=400)
    await stores.tasks.track("a")
    task = await stores.tasks.get("a")
    assert (task.assigned_device, task.service_instance_id, task.actual_memory_mb) == ("cuda:0", "s", 500)
    await stores.tasks.track("a", peak_memory_mb=600, cleanup_completed=True)
    task = await stores.tasks.get("a")
    assert (task.actual_memory_mb, task.resource_cleanup_completed) == (600, True)


async def test_ended_tasks_are_uncleaned_until_it_is_tracked(stores: Stores) -> None:
    for name in ("b", "a", "c"):
        await stores.add_queued(name)
    for name in ("b", "a"):
        await stores.tasks.transition(name, TaskStatus.CANCELLED)
    assert list(await stores.tasks.list_uncleaned()) == ["a", "b"]
    await stores.tasks.track("a", cleanup_completed=True)
    assert list(await stores.tasks.list_uncleaned()) == ["b"]


async def test_a_deleted_task_leaves_nothing(stores: Stores) -> None:
    await stores.add_running("a", pages=1)
    with pytest.raises(Conflict):
        await stores.tasks.delete("a")
    await stores.pages.commit_pages(await stores.claim("a"), [read_page(1)])
    await stores.pages.finish_completed()
    assert (await stores.tasks.delete("a")).status is TaskStatus.SUCCEEDED
    assert await stores.tasks.pages("a") == []
    assert await stores.events.read("a") == []
    await stores.tasks.create(new_task("a", pages=1))
    assert [page async for page in stores.tasks.results("a")] == []


async def test_results_come_by_number_as_they_were_committed(stores: Stores) -> None:
    count = 2 * RESULTS_AT_ONCE + 1
    payloads = [json.dumps({"number": n, "text": "α" * n}).encode() for n in range(1, count + 1)]
    await stores.add_running("a", pages=count)
    lease = await stores.claim("a", limit=count)
    for number in sorted(lease.pages, reverse=True):
        await stores.pages.commit_pages(lease, [read_page(number, payloads[number - 1])])
    assert [page async for page in stores.tasks.results("a")] == payloads


async def test_what_no_database_keeps_is_cleaned_before_it_comes_to_one(stores: Stores) -> None:
    odd, plain = "a\0b\ud800", "a\ufffdb\ufffd"
    new = new_task("a", options=TaskOptions(labels={odd: odd}), caller=odd)
    await stores.tasks.create(new)
    (found,) = await stores.tasks.list_tasks(labels={plain: plain})
    assert (found.task_id, found.caller, found.options.labels) == ("a", plain, {plain: plain})
