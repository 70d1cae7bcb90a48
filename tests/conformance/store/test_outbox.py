"""Webhooks that are to be delivered, on both databases."""

import asyncio
import json
from datetime import timedelta

from tests.fixtures.stores import MINUTE, Stores, new_task

from pagemill.domain.task.task import NewTask, TaskStatus
from pagemill.domain.task.webhooks import Delivery
from pagemill.store.outbox import SqlOutbox

URL = "https://a.example/hook"


def outbox(stores: Stores) -> SqlOutbox:
    return SqlOutbox(stores.database, stores.clock)


async def claim(stores: Stores) -> list[Delivery]:
    return list(await outbox(stores).claim(limit=10, hold_for=MINUTE))


def make_hooked(name: str) -> NewTask:
    """A task whose end is to be told."""
    new = new_task(name)
    options = new.request.options.model_copy(update={"webhook_url": URL, "labels": {"k": "ä"}})
    request = type(new.request)(new.request.document, options)
    return type(new)(**{**vars(new), "request": request})


async def test_the_end_of_a_task_is_written_with_it_and_told_once(stores: Stores) -> None:
    await stores.tasks.create(make_hooked("a"))
    await stores.tasks.create(new_task("b"))
    assert await claim(stores) == []
    await stores.tasks.transition("a", TaskStatus.CANCELLED)
    await stores.tasks.transition("b", TaskStatus.CANCELLED)
    await stores.tasks.delete("a")
    (delivery,) = await claim(stores)
    assert (delivery.url, delivery.attempts) == (URL, 1)
    assert delivery.message_id.startswith("msg_")
    body = json.loads(delivery.body)
    assert body["type"] == "task.cancelled"
    assert body["timestamp"] == "2026-01-01T00:00:00Z"
    assert body["data"]["task_id"] == "a"
    assert body["data"]["status"] == "cancelled"
    assert body["data"]["labels"] == {"k": "ä"}
    await outbox(stores).mark_delivered(delivery)
    stores.clock.turn(timedelta(days=1))
    assert await claim(stores) == []


async def test_what_is_held_comes_back_when_its_holder_died(stores: Stores) -> None:
    await outbox(stores).add(URL, "alert", {"a": 1})
    (first,) = await claim(stores)
    assert await claim(stores) == []
    stores.clock.turn(MINUTE)
    (second,) = await claim(stores)
    assert (second.message_id, second.body, second.attempts) == (first.message_id, first.body, 2)


async def test_a_failure_is_tried_again_when_it_is_time_or_given_up(stores: Stores) -> None:
    await outbox(stores).add(URL, "alert", {})
    (delivery,) = await claim(stores)
    await outbox(stores).mark_failed(delivery, "nobody there", retry_in=timedelta(seconds=5))
    stores.clock.turn(timedelta(seconds=4))
    assert await claim(stores) == []
    stores.clock.turn(timedelta(seconds=1))
    (delivery,) = await claim(stores)
    await outbox(stores).mark_failed(delivery, "nobody there", retry_in=None)
    stores.clock.turn(timedelta(days=1))
    assert await claim(stores) == []


async def test_two_servers_never_take_the_same(stores: Stores) -> None:
    for number in range(8):
        await outbox(stores).add(URL, "alert", {"number": number})
    taken = await asyncio.gather(*(outbox(stores).claim(limit=2, hold_for=MINUTE) for _ in range(6)))
    ids = [delivery.delivery_id for part in taken for delivery in part]
    assert len(ids) == len(set(ids))
    rest = await claim(stores)
    assert len({*ids, *(delivery.delivery_id for delivery in rest)}) == 8


async def test_what_is_settled_is_forgotten_after_a_while_and_nothing_else(stores: Stores) -> None:
    await outbox(stores).add(URL, "alert", {"number": 1})
    (delivery,) = await claim(stores)
    await outbox(stores).mark_delivered(delivery)
    await outbox(stores).add(URL, "alert", {"number": 2})
    stores.clock.turn(timedelta(days=8))
    await outbox(stores).prune()
    (left,) = await claim(stores)
    assert json.loads(left.body)["data"] == {"number": 2}
