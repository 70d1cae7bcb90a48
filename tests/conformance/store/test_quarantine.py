from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fixtures.stores import Stores, new_task

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import CPU, MIB, DeviceId
from pagemill.domain.task.task import PageState, Rung
from pagemill.domain.work.outcomes import PageFailed
from pagemill.domain.work.quarantine import Circumstances
from pagemill.domain.work.recognition import ModelSetKey

KILLER = PageFailed(1, TaskFailureReason.WORKER_CRASHED, "killed by SIGSEGV", retryable=True)
GREEDY = PageFailed(1, TaskFailureReason.OUT_OF_MEMORY, "no memory", retryable=True)
UNFIT = PageFailed(1, TaskFailureReason.MEMORY_LIMIT_EXCEEDED, "never fits", retryable=False)
DAMAGED = PageFailed(1, TaskFailureReason.PAGE_UNREADABLE, "damaged", retryable=False)

GPU = DeviceId("cuda:0")
ACCURATE = ModelSetKey("rapidocr", "accurate", (), CPU)
HERE = Circumstances(ACCURATE, 1000 * MIB)


async def _give_up_first_page(
    stores: Stores,
    failure: PageFailed,
    *under: Circumstances,
    crashed: bool = False,
    name: str = "first",
    caller: str = "",
) -> None:
    await stores.queue.submit(new_task(name, pages=2, caller=caller))
    assert await stores.queue.get_next_task(CPU) is not None
    lease = await stores.claim(name, limit=1)
    await stores.pages.fail_page(lease, failure, retry_in=None, crashed=crashed, quarantined=under)


async def _states_of_another_upload(
    stores: Stores, *under: Circumstances, name: str = "second", caller: str = ""
) -> Sequence[PageState]:
    await stores.tasks.create(replace(new_task(name, pages=2, caller=caller), circumstances=under))
    return [page.state for page in await stores.tasks.pages(name)]


@pytest.mark.parametrize(("failure", "crashed"), [(KILLER, True), (GREEDY, False)])
async def test_a_page_that_killed_its_workers_is_not_tried_again_in_another_upload(
    stores: Stores, failure: PageFailed, *, crashed: bool
) -> None:
    await _give_up_first_page(stores, failure, HERE, crashed=crashed)
    assert await _states_of_another_upload(stores, HERE) == [PageState.FAILED, PageState.QUEUED]
    (page, _) = await stores.tasks.pages("second")
    assert page.failure_reason == failure.reason
    assert (await stores.tasks.get("second")).pages_failed == 1


@pytest.mark.parametrize("mine", ["", "acme"])
@pytest.mark.parametrize("others", ["", "acme", "Acme", "zeta"])
async def test_no_caller_learns_or_suffers_from_what_another_sent(stores: Stores, mine: str, others: str) -> None:
    await _give_up_first_page(stores, KILLER, HERE, crashed=True, caller=others)
    first, _ = await _states_of_another_upload(stores, HERE, caller=mine)
    assert first is (PageState.FAILED if mine == others else PageState.QUEUED)


@pytest.mark.parametrize("failure", [UNFIT, DAMAGED])
async def test_a_page_that_is_not_quarantined_is_tried_again(stores: Stores, failure: PageFailed) -> None:
    await _give_up_first_page(stores, failure)
    assert await _states_of_another_upload(stores, HERE) == [PageState.QUEUED, PageState.QUEUED]


@pytest.mark.parametrize(
    ("under", "expected"),
    [
        pytest.param(replace(HERE, limit_bytes=1000 * MIB + 1), PageState.QUEUED, id="a larger limit"),
        pytest.param(replace(HERE, limit_bytes=500 * MIB), PageState.FAILED, id="a smaller limit"),
        pytest.param(replace(HERE, model_set=replace(ACCURATE, device=GPU)), PageState.QUEUED, id="another device"),
        pytest.param(replace(HERE, model_set=replace(ACCURATE, profile="fast")), PageState.QUEUED, id="profile"),
        pytest.param(replace(HERE, model_set=replace(ACCURATE, engine="tesseract")), PageState.QUEUED, id="engine"),
        pytest.param(replace(HERE, model_set=replace(ACCURATE, languages=("de",))), PageState.QUEUED, id="languages"),
        pytest.param(replace(HERE, model_set=replace(ACCURATE, structure=True)), PageState.QUEUED, id="structure"),
        pytest.param(replace(HERE, model_set=ModelSetKey.reader(CPU)), PageState.QUEUED, id="only its text layer"),
    ],
)
async def test_other_circumstances_try_again(stores: Stores, under: Circumstances, expected: PageState) -> None:
    await _give_up_first_page(stores, KILLER, HERE, crashed=True)
    assert await _states_of_another_upload(stores, under) == [expected, PageState.QUEUED]
    reader = Circumstances(ModelSetKey.reader(CPU), 1000 * MIB)
    if under.model_set != reader.model_set:
        with_reader = await _states_of_another_upload(stores, reader, under, name="third")
        assert with_reader == [expected, PageState.QUEUED]


async def test_a_page_quarantined_for_several_devices_is_tried_on_none_of_them(stores: Stores) -> None:
    there = replace(HERE, model_set=replace(ACCURATE, device=GPU))
    await _give_up_first_page(stores, GREEDY, HERE, there)
    assert await _states_of_another_upload(stores, HERE, name="b") == [PageState.FAILED, PageState.QUEUED]
    assert await _states_of_another_upload(stores, there, name="c") == [PageState.FAILED, PageState.QUEUED]
    assert await _states_of_another_upload(stores, HERE, there, name="d") == [PageState.FAILED, PageState.QUEUED]
    assert (await stores.tasks.get("d")).pages_failed == 1


async def test_what_killed_under_a_larger_limit_is_known_for_that(stores: Stores) -> None:
    larger = replace(HERE, limit_bytes=2000 * MIB)
    await _give_up_first_page(stores, KILLER, HERE, crashed=True)
    await _give_up_first_page(stores, KILLER, larger, crashed=True, name="again")
    assert await _states_of_another_upload(stores, larger) == [PageState.FAILED, PageState.QUEUED]


async def test_the_quarantine_ends_after_a_day(stores: Stores) -> None:
    await _give_up_first_page(stores, KILLER, HERE, crashed=True)
    stores.clock.turn(timedelta(hours=25))
    assert await _states_of_another_upload(stores, HERE) == [PageState.QUEUED, PageState.QUEUED]


async def test_a_page_on_the_ladder_is_leased_alone_and_counts_no_attempt(stores: Stores) -> None:
    await stores.add_running("first", pages=3)
    lease = await stores.claim("first", limit=1)
    await stores.pages.fail_page(lease, GREEDY, retry_in=timedelta(0), rung=Rung.SMALLER_BATCH, quarantined=(HERE,))
    assert await _states_of_another_upload(stores, HERE) == [PageState.QUEUED, PageState.QUEUED]
    again = await stores.claim("first", limit=3)
    assert (again.pages, again.rungs, again.attempts) == ((1,), (Rung.SMALLER_BATCH,), (0,))
    assert (await stores.claim("first", limit=3)).pages == (2, 3)
