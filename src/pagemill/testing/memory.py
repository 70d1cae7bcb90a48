"""Memory for tests: a ledger with a limit that can be set, and an estimator that always answers the same."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count

from pagemill.domain.errors import DeviceUnavailable
from pagemill.domain.memory import (
    CPU,
    MIB,
    Ceiling,
    DeviceId,
    DeviceMemory,
    MemoryLevel,
    MemoryNeed,
    MemoryReading,
    Reservation,
    demands,
)
from pagemill.domain.work.fitting import find_lack
from pagemill.domain.work.recognition import ModelSetKey


class FakeAdmission:
    """`MemoryAdmission` that grants up to a limit for each device and measures nothing.

    Attributes:
        limits: Bytes by device; may be changed at any time.
        levels: Level by device; normal if none is set.
        short: Devices on which other programs took reserved memory.
    """

    def __init__(self, limits: Mapping[DeviceId, int] | None = None) -> None:
        self.limits = dict(limits or {CPU: 1024 * MIB})
        self.levels: dict[DeviceId, MemoryLevel] = {}
        self.short: set[DeviceId] = set()
        self._promised: dict[str, Reservation] = {}
        self._changed = asyncio.Event()
        self._numbers = count(1)

    @property
    def reservations(self) -> Sequence[Reservation]:
        """The present reservations."""
        return tuple(self._promised.values())

    def reserve(self, owner: str, device: DeviceId, need: MemoryNeed) -> Reservation | None:
        """See `MemoryAdmission.reserve`."""
        self._check(device, need)
        reservation = Reservation(f"reservation-{next(self._numbers)}", owner, device, need)
        return self._promise(reservation)

    async def reserve_when_free(
        self, owner: str, device: DeviceId, need: MemoryNeed, *, wait: timedelta
    ) -> Reservation | None:
        """See `MemoryAdmission.reserve_when_free`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait.total_seconds()):
                while (reservation := self.reserve(owner, device, need)) is None:
                    await self._changed.wait()
                return reservation
        return None

    def resize(self, reservation: Reservation, need: MemoryNeed) -> Reservation | None:
        """See `MemoryAdmission.resize`. Also None if the reservation was released."""
        held = self._promised.get(reservation.reservation_id)
        if held is None:
            return None
        self._check(held.device, need)
        return self._promise(replace(held, need=need), instead_of=held)

    def release(self, reservation: Reservation) -> None:
        """See `MemoryAdmission.release`."""
        self._promised.pop(reservation.reservation_id, None)
        self._notify()

    def level(self, device: DeviceId) -> MemoryLevel:
        """See `MemoryAdmission.level`. As set in `levels`."""
        return self.levels.get(device, MemoryLevel.NORMAL)

    def devices(self) -> Sequence[DeviceMemory]:
        """See `MemoryAdmission.devices`. Reservations count as use."""
        return [
            DeviceMemory(device, limit, self._taken_bytes(device), self._taken_bytes(device), self.level(device))
            for device, limit in self.limits.items()
        ]

    def was_short(self, device: DeviceId, *, since: float) -> bool:
        """See `MemoryAdmission.was_short`. As set in `short`, at any time."""
        del since
        return device in self.short

    def _promise(self, wanted: Reservation, *, instead_of: Reservation | None = None) -> Reservation | None:
        before = instead_of.need if instead_of else MemoryNeed(0)
        grown = {device: size - demands(wanted.device, before)[device] for device, size in _demands_of(wanted).items()}
        if any(more > 0 and self._taken_bytes(device) + more > self.limits[device] for device, more in grown.items()):
            return None
        self._promised[wanted.reservation_id] = wanted
        self._notify()
        return wanted

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _check(self, device: DeviceId, need: MemoryNeed) -> None:
        if device not in self.limits:
            raise DeviceUnavailable(f"There is no device {device}.", device=device)
        lack = find_lack(device, need, {name: Ceiling(limit) for name, limit in self.limits.items()})
        if lack is not None:
            raise lack.error

    def _taken_bytes(self, device: DeviceId) -> int:
        return sum(_demands_of(reservation).get(device, 0) for reservation in self._promised.values())


def _demands_of(reservation: Reservation) -> Mapping[DeviceId, int]:
    return demands(reservation.device, reservation.need)


@dataclass(frozen=True)
class Observation:
    """What an estimator learned about a page."""

    key: ModelSetKey
    pixels: int
    batch_size: int | None
    peak: MemoryNeed
    failed: bool


class FakeEstimator:
    """`MemoryEstimator` that returns fixed values, and keeps its observations.

    Attributes:
        elsewhere: Peaks on single devices, in place of `working`.
        climbed: Peak of pages that have climbed the ladder; None for the usual one.
        modest: Modest peak; None for the usual one.
        observations: Observations of pages, oldest first.
        settled: Observations of idle workers, oldest first.
    """

    def __init__(self, *, idle_mib: int = 50, working_mib: int = 80) -> None:
        self.idle = MemoryNeed(idle_mib * MIB)
        self.working = MemoryNeed(working_mib * MIB)
        self.elsewhere: dict[DeviceId, MemoryNeed] = {}
        self.climbed: MemoryNeed | None = None
        self.modest: MemoryNeed | None = None
        self.observations: list[Observation] = []
        self.settled: list[tuple[ModelSetKey, MemoryNeed]] = []

    def base(self, key: ModelSetKey) -> MemoryNeed:
        """See `MemoryEstimator.base`. `idle`, whatever the key."""
        del key
        return self.idle

    def peak(
        self, key: ModelSetKey, *, pixels: int, batch_size: int | None = None, climbed: bool = False
    ) -> MemoryNeed:
        """See `MemoryEstimator.peak`.

        `working`, whatever the batch, or what was set for the device or for pages that climbed.
        """
        del pixels, batch_size
        if climbed and self.climbed is not None:
            return self.climbed
        return self.elsewhere.get(key.device, self.working)

    def modest_peak(self, key: ModelSetKey, *, pixels: int, batch_size: int | None = None) -> MemoryNeed:
        """See `MemoryEstimator.modest_peak`. `modest`, or as `peak`."""
        return self.modest or self.peak(key, pixels=pixels, batch_size=batch_size)

    def observe_base(self, key: ModelSetKey, *, settled: MemoryNeed) -> None:
        """See `MemoryEstimator.observe_base`. Keep it."""
        self.settled.append((key, settled))

    def observe(self, key: ModelSetKey, *, pixels: int, batch_size: int | None, peak: MemoryNeed) -> None:
        """See `MemoryEstimator.observe`. Keep it."""
        self.observations.append(Observation(key, pixels, batch_size, peak, failed=False))

    def observe_failure(self, key: ModelSetKey, *, pixels: int, batch_size: int | None, reached: MemoryNeed) -> None:
        """See `MemoryEstimator.observe_failure`. Keep it."""
        self.observations.append(Observation(key, pixels, batch_size, reached, failed=True))


class FakeProbe:
    """`MemoryProbe` whose readings are set."""

    def __init__(self, *readings: MemoryReading) -> None:
        self.readings = list(readings)

    def read(self) -> Sequence[MemoryReading]:
        """See `MemoryProbe.read`. As set in `readings`."""
        return tuple(self.readings)
