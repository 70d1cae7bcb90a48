"""Wires the pool room, where work runs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Self

from pagemill import configs
from pagemill.app.memory_parts import MemoryParts
from pagemill.app.site import Site
from pagemill.domain.memory import DeviceId
from pagemill.pool.file_makers import PooledPageDrawer, PooledPdfMaker
from pagemill.pool.inspection import PooledInspector
from pagemill.pool.load_times import LoadTimes
from pagemill.pool.model_manager import ModelManager
from pagemill.pool.placement import LocalPlacement
from pagemill.pool.sandbox.desks import Sandbox
from pagemill.pool.service_pool import OCRServicePool


@dataclass(frozen=True)
class PoolParts:
    """The parts of the pool room.

    Attributes:
        places: Places for services on each device.
        load_times: Load times of models.
        pool: Services and their models.
        inspector: Inspects documents.
        drawer: Draws pages.
        pdfs: Makes searchable PDFs.
    """

    places: Mapping[DeviceId, int]
    load_times: LoadTimes
    pool: OCRServicePool
    inspector: PooledInspector
    drawer: PooledPageDrawer
    pdfs: PooledPdfMaker

    @classmethod
    def of(cls, site: Site, memory: MemoryParts, *, at_rest: Callable[[], Awaitable[None]]) -> Self:
        """Wire them, and pass their workers to the guard.

        Args:
            site: The server.
            memory: Reserves memory for the workers, and watches them.
            at_rest: Awaited whenever the last model set has been unloaded.
        """
        devices = [reading.device for reading in memory.machine.read()]
        places = configs.services_by_device(site.settings, devices if site.role.reads_pages else [])
        config = configs.pool_config(site.settings, places)
        load_times = LoadTimes()
        models = _models(site, memory, places=places, load_times=load_times, at_rest=at_rest)
        memory.guard.watch(models)
        pool = OCRServicePool(config, site.engines, models)
        return cls(
            places=places,
            load_times=load_times,
            pool=pool,
            inspector=PooledInspector(config, pool),
            drawer=PooledPageDrawer(pool, wait=config.inspect_wait, limit=config.inspect_limit),
            pdfs=PooledPdfMaker(pool, wait=config.inspect_wait),
        )


def _models(
    site: Site,
    memory: MemoryParts,
    *,
    places: Mapping[DeviceId, int],
    load_times: LoadTimes,
    at_rest: Callable[[], Awaitable[None]],
) -> ModelManager:
    gpu_uuids = {gpu.device: gpu.uuid for gpu in memory.machine.gpus.gpus}
    return ModelManager(
        site.engines,
        configs.model_manager_config(site.settings, places, site.structure, gpu_uuids=gpu_uuids),
        placement=LocalPlacement(sandbox=Sandbox(site.data_dir) if site.settings.pool.sandbox else None),
        admission=memory.guard,
        estimator=memory.estimator,
        clock=site.clock,
        probe=memory.machine,
        at_rest=at_rest,
        gpu_bytes=memory.machine.gpu_bytes,
        load_times=load_times,
    )
