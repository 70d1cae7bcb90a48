"""Reports on engines, from the registry, the memory room and the pool."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pagemill.domain.memory import CPU, DeviceId, MemoryNeed, MemorySeed
from pagemill.domain.ports import LoadHistory, MemoryAdmission, MemoryEstimator, MemoryHistory, ServicePool
from pagemill.domain.reports.engine_report import A4_PIXELS, EngineReport, ModelSetReport, ProfileReport, WorkerMemory
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.domain.work.recognition import ModelSetKey


class EngineReader:
    """Reports on engines. Runs in the server process.

    Args:
        engines: The engines of the service.
        estimator: Their reservations.
        memory: Their measured memory.
        loads: Their load times.
        devices: The devices.
        pool: The loaded model sets.
    """

    def __init__(
        self,
        engines: Mapping[str, EngineSpec],
        *,
        estimator: MemoryEstimator,
        memory: MemoryHistory,
        loads: LoadHistory,
        devices: MemoryAdmission,
        pool: ServicePool,
    ) -> None:
        self._engines = engines
        self._estimator = estimator
        self._memory = memory
        self._loads = loads
        self._devices = devices
        self._pool = pool

    def engines(self) -> Sequence[EngineReport]:
        """Every engine as it is now, the default first."""
        devices = [device.device for device in self._devices.devices()]
        return [self._engine(spec, devices) for spec in self._engines.values()]

    def _engine(self, spec: EngineSpec, devices: Sequence[DeviceId]) -> EngineReport:
        usable = [device for device in devices if device.partition(":")[0] in spec.device_kinds]
        return EngineReport(
            name=spec.name,
            version=spec.version,
            unusable=spec.unusable,
            device_kinds=spec.device_kinds,
            profiles=tuple(
                ProfileReport(profile.name, profile.languages, tuple(self._model_sets(spec, profile, usable)))
                for profile in spec.profiles
            ),
            resident=tuple(one for one in self._pool.snapshot().model_sets if one.key.engine == spec.name),
        )

    def _model_sets(
        self, spec: EngineSpec, profile: EngineProfile, devices: Sequence[DeviceId]
    ) -> Iterator[ModelSetReport]:
        pixels = min(A4_PIXELS, profile.max_pixels)
        for device in devices:
            key = ModelSetKey(spec.name, profile.name, profile.model_languages(()), device)
            estimate = WorkerMemory(self._estimator.base(key), self._estimator.peak(key, pixels=pixels))
            yield ModelSetReport(
                device=device,
                seed=_on(device, _seed_memory(profile.seed, pixels)),
                estimate=estimate,
                measured=self._memory.find_measured(key),
                load=self._loads.load_time(key),
            )


def _seed_memory(seed: MemorySeed, pixels: int) -> WorkerMemory:
    page = MemoryNeed(int(seed.ram_per_pixel * pixels), int(seed.gpu_per_pixel * pixels))
    return WorkerMemory(seed.base, seed.base + seed.fixed + page)


def _on(device: DeviceId, memory: WorkerMemory) -> WorkerMemory:
    if device != CPU:
        return memory
    return WorkerMemory(replace(memory.idle, gpu_bytes=0), replace(memory.page, gpu_bytes=0))
