"""Fair waiting for memory: a request that fits may overtake one that does not, but only so often."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import TypeVar

from pagemill.domain.errors import PagemillError
from pagemill.domain.memory import DeviceId, MemoryNeed, Reservation, demands

Granted = TypeVar("Granted")


@dataclass(frozen=True)
class Waiter:
    """A waiting request.

    Attributes:
        passed: How often a later request was served before it.
    """

    number: int
    owner: str
    device: DeviceId
    need: MemoryNeed
    passed: int = 0

    @property
    def pools(self) -> frozenset[DeviceId]:
        """The devices whose memory it needs."""
        return frozenset(device for device, asked in demands(self.device, self.need).items() if asked)


def first_served(
    line: Iterable[Waiter], attempt: Callable[[Waiter], Granted | None], *, most_passes: int
) -> tuple[Waiter, Granted] | None:
    """The first request in line that may try and gets its memory; None if there is none.

    A request that was passed `most_passes` times is a barrier: no request behind it gets memory of its devices until it
    is served or gives up. So a large request waits a bounded number of turns, and until then small ones need not wait
    for it.
    """
    barred: frozenset[DeviceId] = frozenset()
    for waiter in line:
        granted = attempt(waiter) if barred.isdisjoint(waiter.pools) else None
        if granted is not None:
            return waiter, granted
        if waiter.passed >= most_passes:
            barred |= waiter.pools
    return None


def after_serving(line: Sequence[Waiter], served: Waiter) -> list[Waiter]:
    """The line without the served request; it has passed those before it that need the same devices."""
    before = [
        waiter if waiter.pools.isdisjoint(served.pools) else replace(waiter, passed=waiter.passed + 1)
        for waiter in line
        if waiter.number < served.number
    ]
    return before + [waiter for waiter in line if waiter.number > served.number]


class WaitingLine:
    """Requests for memory in order of arrival. Used from the event loop only.

    `reserve` and `release` are the ledger's. Call `serve` whenever memory may have become free.
    """

    def __init__(
        self,
        reserve: Callable[[str, DeviceId, MemoryNeed], Reservation | None],
        release: Callable[[Reservation], None],
        *,
        most_passes: int = 8,
    ) -> None:
        self._reserve = reserve
        self._release = release
        self._most_passes = most_passes
        self._line: list[Waiter] = []
        self._answers: dict[int, asyncio.Future[Reservation]] = {}
        self._numbers = count(1)

    def __len__(self) -> int:
        """The number of waiting requests."""
        return len(self._line)

    def try_now(self, owner: str, device: DeviceId, need: MemoryNeed) -> Reservation | None:
        """Reserve without waiting. This passes all who wait, so it is not allowed if one of them is a barrier.

        Raises:
            NeverFits: It would not fit even if nothing else used the device.
            DeviceUnavailable: There is no such device.
        """
        newcomer = self._newcomer(owner, device, need)
        barred = frozenset[DeviceId]().union(
            *(waiter.pools for waiter in self._line if waiter.passed >= self._most_passes)
        )
        if not barred.isdisjoint(newcomer.pools):
            return None
        reservation = self._reserve(owner, device, need)
        if reservation is not None:
            self._line = after_serving(self._line, newcomer)
        return reservation

    async def wait(self, owner: str, device: DeviceId, need: MemoryNeed, *, wait: timedelta) -> Reservation | None:
        """Reserve as soon as it is this request's turn and fits; None if `wait` passes first.

        Raises:
            NeverFits: It would not fit even if nothing else used the device.
            DeviceUnavailable: There is no such device.
        """
        waiter = self._newcomer(owner, device, need)
        answer: asyncio.Future[Reservation] = asyncio.get_running_loop().create_future()
        self._line.append(waiter)
        self._answers[waiter.number] = answer
        self.serve()
        try:
            await asyncio.wait({answer}, timeout=wait.total_seconds())
        except asyncio.CancelledError:
            self._leave(waiter)
            if answer.done() and answer.exception() is None:
                self._release(answer.result())
            self.serve()
            raise
        self._leave(waiter)
        self.serve()
        return answer.result() if answer.done() else None

    def serve(self) -> None:
        """Serve every request that can be served now."""
        while served := self._find_next():
            self._answer(*served)

    def _find_next(self) -> tuple[Waiter, Reservation | PagemillError] | None:
        return first_served(self._line, self._attempt, most_passes=self._most_passes)

    def _answer(self, waiter: Waiter, answer: Reservation | PagemillError) -> None:
        future = self._answers.pop(waiter.number)
        if isinstance(answer, Reservation):
            self._line = after_serving(self._line, waiter)
            future.set_result(answer)
        else:
            self._leave(waiter)
            future.set_exception(answer)

    def _attempt(self, waiter: Waiter) -> Reservation | PagemillError | None:
        try:
            return self._reserve(waiter.owner, waiter.device, waiter.need)
        except PagemillError as error:
            return error

    def _newcomer(self, owner: str, device: DeviceId, need: MemoryNeed) -> Waiter:
        return Waiter(next(self._numbers), owner, device, need)

    def _leave(self, waiter: Waiter) -> None:
        self._line = [other for other in self._line if other.number != waiter.number]
        self._answers.pop(waiter.number, None)
