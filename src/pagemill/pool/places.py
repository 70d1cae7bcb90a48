"""Places for services: how many of a kind there may be at the same time."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from pagemill.domain.memory import DeviceId

T = TypeVar("T")


@dataclass(eq=False)
class Places:
    """The places of one kind. Callers get them in order of arrival."""

    name: str
    device: DeviceId
    capacity: int
    free: asyncio.Semaphore = field(init=False)
    in_use: int = 0

    def __post_init__(self) -> None:
        self.free = asyncio.Semaphore(self.capacity)

    async def take(self) -> None:
        """Wait for a place."""
        await self.free.acquire()
        self.in_use += 1

    def give_back(self) -> None:
        """Give a place to the next caller."""
        self.in_use -= 1
        self.free.release()


async def take_first(
    usual: Coroutine[None, None, T],
    spare: Callable[[], Coroutine[None, None, T]],
    *,
    after: timedelta,
    give_back: Callable[[T], None],
) -> T:
    """Wait for the usual thing, and from `after` on also for a spare one; give back the one that comes second.

    An error of the spare one does not count: the wait for the usual one continues.
    """

    def give_back_late(over: asyncio.Task[T]) -> None:
        if not _has_failed(over):
            give_back(over.result())

    waiting = [asyncio.create_task(usual)]
    taken: asyncio.Task[T] | None = None
    try:
        if not (await asyncio.wait(waiting, timeout=after.total_seconds()))[0]:
            waiting.append(asyncio.create_task(spare()))
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if waiting[1].done() and _has_failed(waiting[1]):
                await asyncio.wait(waiting[:1])
        taken = next(one for one in waiting if one.done() and (one is waiting[0] or not _has_failed(one)))
        return taken.result()
    finally:
        for one in waiting:
            if one is not taken:
                one.cancel()
                one.add_done_callback(give_back_late)


def _has_failed(task: asyncio.Task[T]) -> bool:
    return task.cancelled() or task.exception() is not None
