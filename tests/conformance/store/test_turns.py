"""Between callers: however much one sends, the others' tasks are let in in turn."""

from itertools import pairwise

import pytest
from tests.fixtures.stores import Stores, new_task

from pagemill.domain.memory import CPU
from pagemill.domain.task.task import TaskOptions
from pagemill.store.task_queue import QueueConfig, SqlTaskQueue


async def _admit_all(stores: Stores, queue: SqlTaskQueue | None = None) -> list[str]:
    queue = queue or stores.queue
    names = []
    while (task := await queue.get_next_task(CPU)) is not None:
        names.append(task.task_id)
    return names


async def _submit(stores: Stores, name: str, *, priority: int = 0) -> None:
    """The caller is the name's first letter."""
    await stores.queue.submit(new_task(name, caller=name[0], options=TaskOptions(priority=priority)))


async def test_nine_of_one_caller_do_not_starve_the_one_of_another(stores: Stores) -> None:
    for number in range(1, 10):
        await _submit(stores, f"greedy-{number}")
    await _submit(stores, "modest-1")
    await _submit(stores, "modest-2")
    assert (await _admit_all(stores))[:5] == ["greedy-1", "modest-1", "greedy-2", "modest-2", "greedy-3"]


async def test_a_steady_flood_of_nine_to_one_lets_the_one_in_at_every_second_turn(stores: Stores) -> None:
    admitted = []
    for turn in range(8):
        for number in range(9):
            await _submit(stores, f"greedy-{turn}-{number}")
        await _submit(stores, f"modest-{turn}")
        for _ in range(2):
            task = await stores.queue.get_next_task(CPU)
            assert task is not None
            admitted.append(task.task_id)
    modest = [index for index, name in enumerate(admitted) if name[0] == "m"]
    assert len(modest) == 8
    assert max(later - earlier for earlier, later in pairwise(modest)) <= 2


async def test_a_higher_priority_goes_before_turns(stores: Stores) -> None:
    await _submit(stores, "a-low")
    await _submit(stores, "b-high-1", priority=9)
    await _submit(stores, "b-high-2", priority=9)
    await _submit(stores, "b-low")
    assert await _admit_all(stores) == ["b-high-1", "b-high-2", "a-low", "b-low"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_without_priorities_it_is_plain_first_come_first_served(stores: Stores) -> None:
    queue = SqlTaskQueue(stores.database, stores.clock, config=QueueConfig(enable_priority_queue=False))
    for name in ("x-1", "x-2", "x-3", "y-1"):
        await _submit(stores, name)
    assert await _admit_all(stores, queue) == ["x-1", "x-2", "x-3", "y-1"]
