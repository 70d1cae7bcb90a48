"""Places for services: how many of a kind there may be at the same time."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from pagemill.domain.memory import DeviceId


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


async def take_either(usual: Places, spare: Places, *, after: timedelta) -> Places:
    """Wait for a usual place, and from some time on also for a spare one; returns the places that gave one."""
    waiting = {asyncio.create_task(usual.take()): usual}
    taken: Places | None = None
    try:
        if not (await asyncio.wait(waiting, timeout=after.total_seconds()))[0]:
            waiting[asyncio.create_task(spare.take())] = spare
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        taken = next(places for one, places in waiting.items() if one.done())
    finally:
        for one, places in waiting.items():
            if places is not taken and not one.cancel():
                places.give_back()
    return taken
