"""Memory for one chunk: reserve it before the chunk, release it after, and learn from each page."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from pagemill.domain.errors import NeverFits, TaskFailureReason
from pagemill.domain.memory import CPU, MIB, DeviceId, MemoryNeed
from pagemill.domain.ports import Clock, MemoryAdmission, MemoryEstimator
from pagemill.domain.work.fitting import within_ceilings
from pagemill.domain.work.outcomes import ChunkOutcome, LossCause, PageFailed, PageOutcome, PageRead, WorkerLoss
from pagemill.domain.work.recognition import ChunkParams, ModelSetKey, Stage
from pagemill.pool.blame import find_cause
from pagemill.pool.pool_config import ModelManagerConfig
from pagemill.pool.residents import Resident, ResidentState
from pagemill.pool.roster import Roster
from pagemill.pool.unloading import Unloader

logger = logging.getLogger(__name__)

OPENING_BYTES = 100 * MIB
"""The memory for a first look at a document, or for its text layer; nearly all documents take a tenth of it."""
DECODING_BYTES = 450 * MIB
"""The largest image that is decoded (`documents.images.MOST_DECODED_BYTES`), and what is made of it."""

_LACK_OF_MEMORY = (LossCause.KERNEL_OOM, LossCause.OVER_RESERVATION)

GpuBytes = Callable[[int, DeviceId], int | None]
"""Returns the GPU memory that a process holds; None if the driver does not say."""


class ChunkMemory:
    """Raises a model set's reservation for a chunk and lowers it again. Runs in the server's event loop."""

    def __init__(
        self,
        config: ModelManagerConfig,
        *,
        roster: Roster,
        unloader: Unloader,
        admission: MemoryAdmission,
        estimator: MemoryEstimator,
        clock: Clock,
        gpu_bytes: GpuBytes,
    ) -> None:
        self._config = config
        self._gpu_bytes = gpu_bytes
        self._roster = roster
        self._unloader = unloader
        self._admission = admission
        self._estimator = estimator
        self._clock = clock
        self._waiting: list[Resident] = []

    async def grow(self, resident: Resident, params: ChunkParams) -> bool:
        """Raise its reservation to the chunk's need as soon as possible; False if it must give way.

        What earlier pages left behind comes on top. If there is no room for that, the worker must be replaced.

        Raises:
            NeverFits: It would not fit even if it had the device to itself.
        """
        need = self._need(resident.key, params)
        growth_bytes = resident.measure_growth(self._estimator.base(resident.key).ram_bytes)
        if not growth_bytes:
            return await self._grow_to(resident, need)
        if self._resize(resident, need + MemoryNeed(growth_bytes)):
            return True
        resident.retire()
        return False

    def least_need(self, key: ModelSetKey, params: ChunkParams) -> MemoryNeed:
        """What a machine must be able to provide for the chunk: `grow` tries it wherever this fits."""
        return self._estimator.modest_peak(key, pixels=self._pixels(key, params), batch_size=params.batch_size)

    async def grow_by(self, resident: Resident, more_bytes: int) -> bool:
        """As `grow`, for opening a document, which may take `more_bytes` on top of the reader's base."""
        return await self._grow_to(resident, self._estimator.base(resident.key) + MemoryNeed(more_bytes))

    @contextmanager
    def working(self, resident: Resident, task_id: str | None = None, *, pages: int = 0) -> Iterator[None]:
        """Show the model set as busy while the block runs; then lower its reservation to what it holds.

        Args:
            resident: The model set that works.
            task_id: The task whose chunk it reads; None if it reads none.
            pages: How many pages the chunk has.
        """
        try:
            with resident.working(self._clock.monotonic(), task_id):
                yield
        finally:
            self._shrink(resident, pages=pages)

    def learn(self, resident: Resident, params: ChunkParams, outcome: PageOutcome) -> None:
        """Tell the estimator what a page took, without what earlier pages left behind."""
        if isinstance(outcome, PageRead):
            peak = MemoryNeed(max(0, outcome.peak_bytes - resident.growth_bytes), self._held_of_gpu(resident))
            self._estimator.observe(resident.key, pixels=outcome.pixels, batch_size=params.batch_size, peak=peak)
        elif isinstance(outcome, PageFailed) and outcome.reason is TaskFailureReason.OUT_OF_MEMORY:
            self._learn_failure(resident, params, outcome.peak_bytes)

    def blame(self, resident: Resident, loss: WorkerLoss) -> WorkerLoss:
        """The loss of a worker at work; see `find_cause`."""
        since = self._clock.monotonic() if resident.busy_since is None else resident.busy_since
        was_short = partial(self._admission.was_short, CPU, since=since)
        return find_cause(loss, promised=resident.reserved, was_short=was_short)

    def learn_loss(self, resident: Resident, params: ChunkParams, outcome: ChunkOutcome) -> None:
        """Tell the estimator what was not enough for a chunk."""
        if outcome.loss is not None and outcome.loss.cause in _LACK_OF_MEMORY:
            self._learn_failure(resident, params, outcome.loss.peak_bytes)

    async def _grow_to(self, resident: Resident, need: MemoryNeed) -> bool:
        until = self._clock.monotonic() + self._config.room_wait.total_seconds()
        self._waiting.append(resident)
        try:
            while resident.is_usable and resident.reservation is not None:
                changed = self._roster.changed
                if resident.promise(self._admission.resize(resident.reservation, need)):
                    return True
                if await self._unloader.make_room(resident.key.device, _difference(need, resident.reserved)):
                    continue
                if self._clock.monotonic() >= until or not self._may_wait(resident):
                    break
                await self._roster.change(changed)
        finally:
            self._waiting.remove(resident)
        logger.info("Worker %s has no memory for more work now", resident.worker_id)
        return False

    def _shrink(self, resident: Resident, *, pages: int) -> None:
        """Lower its reservation to what it holds between chunks; the last one had `pages` pages.

        A worker that cannot be killed keeps its whole reservation, because it may still use it.
        """
        if resident.reservation is None or resident.is_unkillable:
            return
        base, rss_bytes = self._estimator.base(resident.key), resident.rss_bytes
        self._resize(resident, MemoryNeed(max(base.ram_bytes, rss_bytes), base.gpu_bytes))
        resident.growth.note(pages, rss_bytes)
        leaks = resident.growth.bytes_per_page >= self._config.growth_per_page_bytes
        if leaks or self._roster.has_outgrown(resident, rss_bytes):
            logger.info("Worker %s has grown to %d MiB and is replaced", resident.worker_id, rss_bytes // MIB)
            resident.retire()
        self._roster.notify()

    def _learn_failure(self, resident: Resident, params: ChunkParams, reached_bytes: int) -> None:
        if resident.key.device != CPU:
            return  # we do not know which of the two memories was too small
        pixels, reached = self._pixels(resident.key, params), MemoryNeed(max(0, reached_bytes - resident.growth_bytes))
        self._estimator.observe_failure(resident.key, pixels=pixels, batch_size=params.batch_size, reached=reached)

    def _held_of_gpu(self, resident: Resident) -> int:
        """What the worker holds of its GPU after a page; 0 if the driver does not say.

        This is the peak, because the allocators of GPU libraries keep what they took.
        """
        if resident.key.device == CPU or resident.worker is None:
            return 0
        return self._gpu_bytes(resident.worker.pid, resident.key.device) or 0

    def _need(self, key: ModelSetKey, params: ChunkParams) -> MemoryNeed:
        """The chunk's need, cut to the most that can ever be reserved if it was learned from others."""
        pixels, batch_size = self._pixels(key, params), params.batch_size
        need = self._estimator.peak(key, pixels=pixels, batch_size=batch_size, climbed=params.climbed)
        modest = self._estimator.modest_peak(key, pixels=pixels, batch_size=batch_size)
        if need == modest:
            return need
        ceilings = {device.device: device.ceiling for device in self._admission.devices()}
        return within_ceilings(key.device, need, modest, ceilings)

    def _resize(self, resident: Resident, need: MemoryNeed) -> bool:
        if resident.reservation is None:
            return False
        with suppress(NeverFits):
            return resident.promise(self._admission.resize(resident.reservation, need))
        return False

    def _may_wait(self, resident: Resident) -> bool:
        """Whether it may wait: while a chunk runs or a model set comes or goes, all may; otherwise only the first.

        Without this rule, model sets that wait for each other's memory would wait forever.
        """
        others = (other for other in self._roster if other is not resident)
        moving = any(other.busy_since is not None or other.state is not ResidentState.READY for other in others)
        return moving or self._waiting[0] is resident

    def _pixels(self, key: ModelSetKey, params: ChunkParams) -> int:
        if params.stage is Stage.TEXT:
            return 0
        return self._roster.profile(key).max_pixels if params.pixels is None else params.pixels


def _difference(need: MemoryNeed, held: MemoryNeed) -> MemoryNeed:
    return MemoryNeed(need.ram_bytes - held.ram_bytes, need.gpu_bytes - held.gpu_bytes)
