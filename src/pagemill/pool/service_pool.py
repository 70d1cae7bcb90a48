"""The one pool of services: its places limit how many there are, and callers get them in order of arrival."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count

from pagemill.domain.errors import DeviceUnavailable, PagemillError, PoolExhausted
from pagemill.domain.memory import CPU, DeviceId
from pagemill.domain.ports import Service
from pagemill.domain.reports.snapshot import LaneSnapshot, PoolSnapshot
from pagemill.domain.work.engine_spec import EngineSpec, find_profile
from pagemill.domain.work.recognition import EXPORT, INSPECT, READER, ModelSetKey
from pagemill.pool.model_manager import ModelManager
from pagemill.pool.places import Places, take_first
from pagemill.pool.pool_config import PoolConfig
from pagemill.pool.residents import Resident
from pagemill.pool.service import OCRService

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Held:
    """The resources of a service until `kept` is closed."""

    resident: Resident
    kept: ExitStack

    def close(self) -> None:
        """Give them back."""
        self.kept.close()


async def _take(lane: Places) -> ExitStack:
    """A place on a lane; it is given back when the stack is closed."""
    await lane.take()
    place = ExitStack()
    place.callback(lane.give_back)
    return place


class OCRServicePool:
    """One shared pool for every device. Runs in the server's event loop.

    A service needs a place on its lane, and a use of a model set. Services that read pages (on the lane of a device or
    of the readers) also need one of the places in total. Inspecting and exporting have lanes of their own: they do not
    wait for pages, and no snapshot shows them. The CPU has one spare place, so that a caller with nothing in progress
    does not wait long behind the pages of others. It has processes of its own, which get the CPU before all others.
    """

    def __init__(self, config: PoolConfig, specs: Mapping[str, EngineSpec], models: ModelManager) -> None:
        self._config = config
        self._specs = specs
        self._models = models
        self._lanes = {str(device): Places(str(device), device, places) for device, places in config.services.items()}
        self._readers = Places(READER, CPU, config.readers)
        self._exporter = Places(f"{READER}/{EXPORT}", CPU, 1)
        self._inspectors = Places(f"{READER}/{INSPECT}", CPU, config.inspections)
        self._spare = Places(f"{CPU}/spare", CPU, 0 if config.spare_after is None else 1)
        everything = sum(config.services.values()) + config.readers + self._spare.capacity
        self._total = Places("all", CPU, everything if config.services_total is None else config.services_total)
        self._held: dict[str, _Held] = {}
        self._numbers = count(1)
        self._given_back = asyncio.Event()
        self._draining = False

    async def start(self) -> None:
        """See `Runnable.start`."""
        self._draining = False
        await self._models.start()

    async def drain(self) -> None:
        """Hand out no more services, and wait until all are released."""
        self._draining = True
        while self._held:
            self._given_back.clear()
            await self._given_back.wait()

    async def stop(self) -> None:
        """See `Runnable.stop`. It ends every worker; running chunks end early."""
        self._draining = True
        await self._models.stop()

    async def acquire(
        self,
        *,
        device: DeviceId,
        engine: str,
        profile: str = "",
        languages: Sequence[str] = (),
        structure: bool = False,
        wait: timedelta | None = None,
        fresh: bool = False,
        may_use_spare: bool = False,
    ) -> OCRService:
        """See `ServicePool.acquire`.

        Raises:
            UnknownEngine: No engine has that name, or it has no such profile.
            PagemillError: As `ServicePool.acquire`.
        """
        key = replace(self._key(device, engine, profile, languages), structure=structure)
        lane = self._inspectors if engine == READER and profile == INSPECT else self._lane(key)
        limit = self._config.acquire_wait if wait is None else wait
        try:
            async with asyncio.timeout(limit.total_seconds()):
                return await self._acquire(key, lane, fresh=fresh, may_use_spare=may_use_spare)
        except TimeoutError as error:
            raise PoolExhausted(
                self._explain_exhaustion(key, lane, limit), in_use=lane.in_use, places=lane.capacity
            ) from error

    @asynccontextmanager
    async def reader(self, profile: str = "", *, wait: timedelta) -> AsyncIterator[OCRService]:
        """Hold a reader while the block runs; raises as `acquire`."""
        service = await self.acquire(device=CPU, engine=READER, profile=profile, wait=wait)
        try:
            yield service
        finally:
            await self.release(service)

    async def release(self, service: Service) -> None:
        """See `ServicePool.release`."""
        held = self._held.pop(service.service_instance_id, None)
        if held is not None:
            held.close()

    def snapshot(self) -> PoolSnapshot:
        """See `ServicePool.snapshot`."""
        lanes = tuple(
            LaneSnapshot(lane.name, lane.device, lane.capacity, lane.in_use)
            for lane in (*self._lanes.values(), self._readers)
        )
        users = {held.resident.worker_id: service for service, held in self._held.items()}
        models = (
            replace(model_set, service_instance_id=users.get(model_set.worker_id))
            for model_set in self._models.snapshot()
        )
        return PoolSnapshot(lanes, tuple(models), *self._models.unloaded, self._models.last_eviction)

    async def _acquire(self, key: ModelSetKey, lane: Places, *, fresh: bool, may_use_spare: bool) -> OCRService:
        found: ExitStack | _Held
        if may_use_spare and self._config.spare_after is not None and lane is self._lanes.get(CPU):
            found = await take_first(
                _take(lane),
                lambda: self._hold_spare(key, fresh=fresh),
                after=self._config.spare_after,
                give_back=lambda late: late.close(),
            )
        else:
            found = await _take(lane)
        held = found if isinstance(found, _Held) else await self._hold(key, found, lane, fresh=fresh)
        service = OCRService(f"{held.resident.worker_id}/{next(self._numbers)}", held.resident, self._models.memory)
        self._held[service.service_instance_id] = held
        return service

    async def _hold_spare(self, key: ModelSetKey, *, fresh: bool) -> _Held:
        try:
            return await self._hold(key, await _take(self._spare), self._spare, fresh=fresh)
        except PagemillError as error:
            logger.info("The spare worker cannot be used: %s", error)
            raise

    async def _hold(self, key: ModelSetKey, place: ExitStack, lane: Places, *, fresh: bool) -> _Held:
        """Add what a service needs besides its place; if that fails, give the place back."""
        with place as kept:
            kept.callback(self._given_back.set)
            if lane not in (self._inspectors, self._exporter):
                await self._total.take()
                kept.callback(self._total.give_back)
            if self._draining:
                raise PoolExhausted("The service is shutting down. Send the request again later.")
            resident = await self._models.acquire(key, fresh=fresh, spare=lane is self._spare)
            kept.callback(self._models.release, resident)
            return _Held(resident, kept.pop_all())

    def _key(self, device: DeviceId, engine: str, profile: str, languages: Sequence[str]) -> ModelSetKey:
        if engine == READER:
            return ModelSetKey.exporter(CPU) if profile == EXPORT else ModelSetKey.reader(CPU)
        spec, found = find_profile(self._specs, engine, profile)
        if device.partition(":")[0] not in spec.device_kinds:
            kinds = ", ".join(spec.device_kinds)
            raise DeviceUnavailable(f"{engine} cannot run on {device}. Choose one of: {kinds}.", device=device)
        return ModelSetKey(engine, found.name, found.model_languages(languages), device)

    def _lane(self, key: ModelSetKey) -> Places:
        """The lane of a model set. A reader with structure models computes, so it takes a place on its device."""
        if key.is_reader and not key.structure:
            return self._exporter if key.profile == EXPORT else self._readers
        device = key.device
        lane = self._lanes.get(device)
        if lane is None or lane.capacity == 0:
            there = ", ".join(name for name, lane in self._lanes.items() if lane.capacity) or "none"
            raise DeviceUnavailable(f"There is no device {device}. Choose one of: {there}.", device=device)
        return lane

    def _explain_exhaustion(self, key: ModelSetKey, lane: Places, limit: timedelta) -> str:
        waited = f"within {limit.total_seconds():g} s"
        if lane.in_use >= lane.capacity:
            return (
                f"All {lane.capacity} services on {lane.name} are busy and none became free {waited}. Try again later."
            )
        if self._total.in_use >= self._total.capacity:
            return f"All {self._total.capacity} services are busy and none became free {waited}. Try again later."
        return (
            f"There was no memory for {key} {waited} ({lane.in_use} of {lane.capacity} services on {lane.name} are "
            "busy). Try again later."
        )
