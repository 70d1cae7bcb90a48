import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest

from pagemill.domain.errors import NeverFits
from pagemill.domain.memory import CPU, DeviceId, MemoryNeed, Reservation
from pagemill.memory.waiting import Waiter, WaitingLine, after_serving, first_served

GPU = DeviceId("cuda:0")
LONG = timedelta(seconds=30)


class Purse:
    """Bytes to give away, with no other rule."""

    def __init__(self, free: int) -> None:
        self.free = free
        self._numbers = count(1)

    def reserve(self, owner: str, device: DeviceId, need: MemoryNeed) -> Reservation | None:
        if need.ram_bytes > 1000:
            raise NeverFits("Too large.")
        if need.ram_bytes > self.free:
            return None
        self.free -= need.ram_bytes
        return Reservation(str(next(self._numbers)), owner, device, need)

    def release(self, reservation: Reservation) -> None:
        self.free += reservation.need.ram_bytes


def waiter(number: int, size: int, *, passed: int = 0, device: DeviceId = CPU) -> Waiter:
    need = MemoryNeed(size) if device == CPU else MemoryNeed(0, size)
    return Waiter(number, f"w{number}", device, need, passed)


def fits(free: int) -> Callable[[Waiter], bool | None]:
    return lambda waiting: waiting.need.ram_bytes + waiting.need.gpu_bytes <= free or None


@pytest.mark.parametrize(
    ("line", "free", "expected"),
    [
        pytest.param([], 9, None, id="nobody waits"),
        pytest.param([waiter(1, 5), waiter(2, 1)], 9, 1, id="first come"),
        pytest.param([waiter(1, 5), waiter(2, 1)], 3, 2, id="what fits passes what does not"),
        pytest.param([waiter(1, 5, passed=2), waiter(2, 1)], 3, None, id="but not forever"),
        pytest.param([waiter(1, 5, passed=2), waiter(2, 1)], 9, 1, id="the barrier is served"),
        pytest.param([waiter(1, 5, passed=2, device=GPU), waiter(2, 1)], 3, 2, id="a barrier on other memory"),
        pytest.param([waiter(1, 1), waiter(2, 5, passed=2)], 3, 1, id="those before a barrier are served"),
    ],
)
def test_who_is_served_first(line: list[Waiter], free: int, expected: int | None) -> None:
    served = first_served(line, fits(free), most_passes=2)
    assert (served[0].number if served else None) == expected


def test_only_those_before_that_want_the_same_memory_have_been_passed() -> None:
    line = [waiter(1, 5), waiter(2, 5, device=GPU), waiter(3, 1), waiter(4, 5)]
    assert after_serving(line, line[2]) == [waiter(1, 5, passed=1), waiter(2, 5, device=GPU), waiter(4, 5)]


async def test_a_large_request_is_passed_a_bounded_number_of_times_and_then_served() -> None:
    purse = Purse(500)
    line = WaitingLine(purse.reserve, purse.release, most_passes=3)
    large = asyncio.create_task(line.wait("large", CPU, MemoryNeed(600), wait=LONG))
    await asyncio.sleep(0)
    small = [line.try_now(f"small{n}", CPU, MemoryNeed(100)) for n in range(5)]
    assert [reservation is not None for reservation in small] == [True, True, True, False, False]
    waiting = asyncio.create_task(line.wait("small5", CPU, MemoryNeed(100), wait=LONG))
    await asyncio.sleep(0)
    assert not waiting.done()
    purse.free += 400
    line.serve()
    served = await large
    assert served is not None
    assert not waiting.done()
    purse.release(served)
    line.serve()
    assert await waiting is not None


async def test_waiting_ends_with_none_and_opens_the_way_for_others() -> None:
    purse = Purse(100)
    line = WaitingLine(purse.reserve, purse.release, most_passes=0)
    large = asyncio.create_task(line.wait("large", CPU, MemoryNeed(600), wait=timedelta(milliseconds=20)))
    await asyncio.sleep(0)
    small = asyncio.create_task(line.wait("small", CPU, MemoryNeed(100), wait=LONG))
    assert await large is None
    assert await small is not None
    assert len(line) == 0


async def test_giving_up_after_being_served_gives_the_memory_back() -> None:
    purse = Purse(0)
    line = WaitingLine(purse.reserve, purse.release)
    first = asyncio.create_task(line.wait("first", CPU, MemoryNeed(100), wait=LONG))
    await asyncio.sleep(0)
    purse.free = 100
    line.serve()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert purse.free == 100
    assert len(line) == 0


async def test_giving_up_lets_the_next_one_through() -> None:
    purse = Purse(100)
    line = WaitingLine(purse.reserve, purse.release, most_passes=0)
    large = asyncio.create_task(line.wait("large", CPU, MemoryNeed(600), wait=LONG))
    await asyncio.sleep(0)
    small = asyncio.create_task(line.wait("small", CPU, MemoryNeed(100), wait=LONG))
    await asyncio.sleep(0)
    large.cancel()
    assert await small is not None


async def test_what_became_impossible_while_waiting_is_said() -> None:
    purse = Purse(100)
    line = WaitingLine(purse.reserve, purse.release)
    with pytest.raises(NeverFits):
        await line.wait("huge", CPU, MemoryNeed(2000), wait=LONG)
    assert len(line) == 0
    assert line.try_now("small", CPU, MemoryNeed(100)) is not None
