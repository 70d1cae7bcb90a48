"""A pool without processes, for tests of its callers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import count

from pagemill.domain.errors import DeviceUnavailable, NeverFits, PoolExhausted
from pagemill.domain.memory import CPU, DeviceId, MemoryNeed
from pagemill.domain.page.page import Page, PageSource
from pagemill.domain.ports import MemoryAdmission, OnBegin, OnPage, Service
from pagemill.domain.reports.snapshot import LaneSnapshot, PoolSnapshot
from pagemill.domain.work.engine_spec import EngineSpec, find_profile
from pagemill.domain.work.fitting import least_need
from pagemill.domain.work.outcomes import ChunkOutcome, PageNeedsOcr, PageOutcome, PageRead, PageTooLarge
from pagemill.domain.work.recognition import READER, ChunkParams, ModelSetKey, Stage

Script = Callable[[str, ChunkParams, OnPage], Awaitable[ChunkOutcome]]
"""The outcome of a chunk; it calls `on_page` for every page that it settles."""


HasRoom = Callable[[str, ChunkParams], bool]
"""Whether the memory of a task's chunk fits now."""


def do_nothing() -> None:
    """Succeed: the default for what may raise."""


@dataclass(frozen=True)
class ChunkPromises:
    """The reservation for every chunk.

    Attributes:
        admission: Grants it.
        need: What a chunk of a task needs with a model set.
    """

    admission: MemoryAdmission
    need: Callable[[ModelSetKey, str, ChunkParams], MemoryNeed]


class FakeService:
    """`Service` that does what a script says."""

    def __init__(
        self,
        service_instance_id: str,
        key: ModelSetKey,
        script: Script,
        *,
        has_room: HasRoom,
        promises: ChunkPromises | None,
    ) -> None:
        self._has_room = has_room
        self._promises = promises
        self._id = service_instance_id
        self._key = key
        self._script = script

    @property
    def service_instance_id(self) -> str:
        """See `Service.service_instance_id`. Unique within its pool."""
        return self._id

    @property
    def key(self) -> ModelSetKey:
        """See `Service.key`. As requested."""
        return self._key

    @property
    def reserved(self) -> MemoryNeed:
        """See `Service.reserved`. Nothing: nothing is loaded."""
        return MemoryNeed(0)

    async def process(
        self, task_id: str, params: ChunkParams, on_page: OnPage, *, on_begin: OnBegin | None = None
    ) -> ChunkOutcome:
        """See `Service.process`. Run the script, unless there is no room for it: then its pages stay unsettled."""
        try:
            release = self._promise(task_id, params)
        except NeverFits as error:
            for number in params.pages:
                await on_page(_too_large(number, error))
            return ChunkOutcome(params.pages)
        if release is None:
            return ChunkOutcome(())
        try:
            if on_begin is not None:
                await on_begin()
            return await self._script(task_id, params, on_page)
        finally:
            release()

    def _promise(self, task_id: str, params: ChunkParams) -> Callable[[], None] | None:
        """Reserve what the chunk needs; return a function that releases it, or None if there is no room."""
        if not self._has_room(task_id, params):
            return None
        if self._promises is None:
            return do_nothing
        need, admission = self._promises.need(self._key, task_id, params), self._promises.admission
        reservation = admission.reserve(self._id, self._key.device, need)
        return None if reservation is None else partial(admission.release, reservation)


_SPARE = f"{CPU}/spare"


class FakeServicePool:
    """`ServicePool` in memory: places are counted and waited for as in the real one, but nothing is loaded.

    Attributes:
        spare_uses: How often the spare place was given.

    Args:
        specs: The engines.
        places: Places for services, by device.
        readers: Places for readers.
        script: The outcome of chunks.
        script_of: The same, for each model set.
        has_room: Whether there is memory for a chunk, if `promises` is None.
        promises: Reserves the memory of chunks.
        on_acquire: Called first by every `acquire`; it may raise.
        on_release: Called last by every `release`, when the place is free again; it may raise.
        default_wait: Longest wait for a place if the caller sets no limit.
        spare: Spare places on the CPU.
    """

    def __init__(
        self,
        specs: Mapping[str, EngineSpec],
        places: Mapping[DeviceId, int],
        *,
        readers: int = 1,
        script: Script | None = None,
        script_of: Callable[[ModelSetKey], Script] | None = None,
        has_room: HasRoom | None = None,
        promises: ChunkPromises | None = None,
        on_acquire: Callable[[], None] = do_nothing,
        on_release: Callable[[], None] = do_nothing,
        default_wait: timedelta = timedelta(seconds=60),
        spare: int = 0,
    ) -> None:
        self._specs = specs
        self._capacity = {str(device): count_ for device, count_ in places.items()} | {READER: readers}
        places_of = {**self._capacity, _SPARE: spare}
        self._free = {lane: asyncio.Semaphore(count_) for lane, count_ in places_of.items()}
        self._held: dict[str, str] = {}
        self._script_of = script_of or (lambda _key: script or read_every_page)
        self._promises = promises
        self._on_acquire = on_acquire
        self._on_release = on_release
        self._has_room = has_room or (lambda _task_id, _params: True)
        self._default_wait = default_wait
        self._numbers = count(1)
        self.spare_uses = 0

    @property
    def held(self) -> int:
        """Services that are not released yet."""
        return len(self._held)

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
    ) -> FakeService:
        """See `ServicePool.acquire`. Every service is as good as fresh; a spare place is given without a wait."""
        del fresh
        self._on_acquire()
        key = replace(self._key(device, engine, profile, languages), structure=structure)
        lane = READER if key.is_reader and not structure else device
        if self._capacity.get(lane, 0) == 0:
            raise DeviceUnavailable(f"There is no device {device}.", device=device)
        if may_use_spare and lane == CPU and self._free[lane].locked() and not self._free[_SPARE].locked():
            lane = _SPARE
            self.spare_uses += 1
        try:
            async with asyncio.timeout((self._default_wait if wait is None else wait).total_seconds()):
                await self._free[lane].acquire()
        except TimeoutError as error:
            raise PoolExhausted(f"All {self._capacity[lane]} services on {lane} are busy.") from error
        service = FakeService(
            f"{key.engine}-{next(self._numbers)}",
            key,
            self._script_of(key),
            has_room=self._has_room,
            promises=self._promises,
        )
        self._held[service.service_instance_id] = lane
        return service

    async def release(self, service: Service) -> None:
        """See `ServicePool.release`."""
        lane = self._held.pop(service.service_instance_id, None)
        if lane is not None:
            self._free[lane].release()
        self._on_release()

    def snapshot(self) -> PoolSnapshot:
        """See `ServicePool.snapshot`. No model sets."""
        in_use = list(self._held.values())
        lanes = (
            LaneSnapshot(lane, CPU if lane == READER else DeviceId(lane), capacity, in_use.count(lane))
            for lane, capacity in self._capacity.items()
        )
        return PoolSnapshot(tuple(lanes), ())

    def _key(self, device: DeviceId, engine: str, profile: str, languages: Sequence[str]) -> ModelSetKey:
        if engine == READER:
            return ModelSetKey.reader(CPU)
        _, found = find_profile(self._specs, engine, profile)
        return ModelSetKey(engine, found.name, found.model_languages(languages), device)


async def read_every_page(task_id: str, params: ChunkParams, on_page: OnPage) -> ChunkOutcome:
    """The script of a pool without failures: an empty page for each, and no text layers."""
    del task_id
    for number in params.pages:
        await on_page(_outcome(number, params.stage))
    return ChunkOutcome(params.pages)


def _too_large(number: int, error: NeverFits) -> PageTooLarge:
    return PageTooLarge(number, error.reason, error.message, error.retryable, need=least_need(error))


def _outcome(number: int, stage: Stage) -> PageOutcome:
    if stage is Stage.TEXT:
        return PageNeedsOcr(number)
    page = Page(number=number, width_px=1, height_px=1, dpi=None, source=PageSource.OCR, engine="fake")
    return PageRead(number, page.to_json(), seconds=0.0, peak_bytes=0, pixels=1)
