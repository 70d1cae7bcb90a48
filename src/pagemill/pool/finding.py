"""Chooses the process for a use: an idle one, a new one if its memory fits, or a shared one."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

from pagemill.domain.errors import PoolExhausted
from pagemill.domain.memory import MemoryNeed, Reservation
from pagemill.domain.ports import MemoryAdmission, MemoryEstimator
from pagemill.domain.uninterrupted import finish_despite_cancel
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.pool.chunk_memory import OPENING_BYTES
from pagemill.pool.pool_config import ModelManagerConfig
from pagemill.pool.residents import Resident, ResidentState
from pagemill.pool.roster import Roster
from pagemill.pool.unloading import Unloader

_SPARE_AFTER_S = 0.1
_UNTIL_THE_CALLER_LEAVES = timedelta(days=1)


class Finder:
    """Finds a resident for a new use, or starts one. Runs in the server's event loop.

    Attributes:
        is_stopping: It no longer waits for memory.
    """

    def __init__(
        self,
        config: ModelManagerConfig,
        *,
        roster: Roster,
        unloader: Unloader,
        admission: MemoryAdmission,
        estimator: MemoryEstimator,
    ) -> None:
        self._config = config
        self._roster = roster
        self._unloader = unloader
        self._admission = admission
        self._estimator = estimator
        self.is_stopping = False

    def start(self) -> None:
        """Allow waiting for memory."""
        self.is_stopping = False

    def stop(self) -> None:
        """End all waiting for memory."""
        self.is_stopping = True
        self._roster.notify()

    async def find(self, key: ModelSetKey, *, fresh: bool, spare: bool) -> Resident:
        """A resident that can be used now or once it is loaded; with `fresh`, one that has read nothing yet.

        The spare place has a process of its own, and shares another one only if memory is short.

        Raises:
            PoolExhausted: The finder was stopped.
        """
        while not self.is_stopping:
            changed = self._roster.changed
            resident = await (self._find_fresh(key, spare=spare) if fresh else self._find(key, spare=spare))
            if resident is not None:
                return resident
            await self._roster.change(changed)
        raise PoolExhausted("The service is shutting down. Send the request again later.")

    async def _find(self, key: ModelSetKey, *, spare: bool) -> Resident | None:
        """None if the caller must look again after the next change."""
        return (
            self._find_unused(key, spare=spare)
            or await self._free_soon(key, spare=spare)
            or await self._load_another(key, spare=spare)
            or self._find_shared(key)
        )

    async def _free_soon(self, key: ModelSetKey, *, spare: bool) -> Resident | None:
        """Wait a moment for a busy reader: most become free soon. Only a slow one is worth a second process."""
        now = asyncio.get_running_loop().time
        until = now() + _SPARE_AFTER_S
        while key.is_reader and self._find_shared(key) is not None and not self.is_stopping:
            changed = self._roster.changed
            if (unused := self._find_unused(key, spare=spare)) is not None:
                return unused
            if any(one.key == key and one.state is ResidentState.LOADING for one in self._roster):
                until = now() + _SPARE_AFTER_S
            if now() >= until:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._roster.change(changed)
        return None

    def _most_processes(self, key: ModelSetKey, *, spare: bool) -> int:
        """The largest number of processes that a model set may have."""
        if spare:
            return 1
        return self._config.readers if _is_plain_reader(key) else self._config.workers_per_key

    async def _find_fresh(self, key: ModelSetKey, *, spare: bool) -> Resident | None:
        """One that has read nothing yet; idle processes that have read something are ended for it."""
        worked = [one for one in self._alike(key, spare=spare) if one.is_idle and one.has_worked]
        await asyncio.gather(*(self._roster.end(one) for one in worked))
        unused = self._find_unused(key, spare=spare)
        if unused is not None and not unused.has_worked:
            return unused
        return await self._load_another(key, spare=spare)

    def _alike(self, key: ModelSetKey, *, spare: bool) -> Iterator[Resident]:
        return (one for one in self._roster if one.key == key and one.is_spare == spare)

    def _find_unused(self, key: ModelSetKey, *, spare: bool) -> Resident | None:
        """A process that is idle, or that is loading for a caller who has left."""
        return next((one for one in self._alike(key, spare=spare) if one.is_usable and not one.references), None)

    def _find_shared(self, key: ModelSetKey) -> Resident | None:
        usable = (resident for resident in self._roster if resident.key == key and resident.is_usable)
        return min(usable, key=lambda resident: resident.references, default=None)

    async def _load_another(self, key: ModelSetKey, *, spare: bool) -> Resident | None:
        """One more process of that model set; None if it has enough, or if another became usable meanwhile."""
        alike = [
            one
            for one in self._alike(key, spare=spare)
            if one.state is not ResidentState.UNLOADING and not one.is_unkillable
        ]
        if len(alike) >= self._most_processes(key, spare=spare):
            return None
        if not key.is_reader:
            self._roster.profile(key)
        resident = self._roster.enlist(key, spare=spare)
        try:
            resident.promise(await self._reserve(resident))
        finally:
            if resident.reservation is None:
                self._roster.strike(resident)
        if resident.reservation is None:
            return None
        self._roster.launch(resident)
        return resident

    async def _reserve(self, resident: Resident) -> Reservation | None:
        need, device = self._estimator.base(resident.key), resident.key.device
        if _is_plain_reader(resident.key) and self._find_shared(resident.key) is not None:
            need += MemoryNeed(OPENING_BYTES)  # otherwise a spare reader takes memory that the first one needs
        while (reservation := self._admission.reserve(resident.worker_id, device, need)) is None:
            if self._find_shared(resident.key) is not None:
                return None
            if not await self._unloader.make_room(device, need):
                return await self._reserve_in_line(resident, need)
        return reservation

    async def _reserve_in_line(self, resident: Resident, need: MemoryNeed) -> Reservation | None:
        """Wait in the ledger's line, so that others cannot pass forever; None if another process became usable."""
        device = resident.key.device
        line = asyncio.create_task(
            self._admission.reserve_when_free(resident.worker_id, device, need, wait=_UNTIL_THE_CALLER_LEAVES)
        )
        line.add_done_callback(lambda _: self._roster.notify())
        try:
            while not (line.done() or self.is_stopping or self._find_shared(resident.key)):
                changed = self._roster.changed
                if not await self._unloader.make_room(device, need):
                    await self._roster.change(changed)
        except BaseException:
            await finish_despite_cancel(self._leave(line))
            raise
        if line.done():
            return line.result()
        await finish_despite_cancel(self._leave(line))
        return None

    async def _leave(self, line: asyncio.Task[Reservation | None]) -> None:
        """Leave the line; release what was granted in that moment."""
        line.cancel()
        await asyncio.wait([line])
        if not line.cancelled() and line.exception() is None and (granted := line.result()) is not None:
            self._admission.release(granted)


def _is_plain_reader(key: ModelSetKey) -> bool:
    return key == ModelSetKey.reader(key.device)
