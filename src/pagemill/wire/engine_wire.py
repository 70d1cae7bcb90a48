"""The JSON of engines. Sizes are MiB, durations seconds."""

from collections.abc import Sequence
from typing import Self

from pagemill.domain.memory import DeviceId, in_mib
from pagemill.domain.reports.engine_report import (
    EngineReport,
    MeasuredMemory,
    ModelSetReport,
    ProfileReport,
    WorkerMemory,
)
from pagemill.wire.status_wire import ModelSetWire
from pagemill.wire.wire_model import WireModel


class WorkerMemoryWire(WireModel):
    """Memory of a worker on its device."""

    idle_mb: int
    """Loaded and idle."""
    page_mb: int
    """At the peak of reading an A4 page at 200 dpi, including the worker."""

    @classmethod
    def of(cls, memory: WorkerMemory, device: DeviceId) -> Self:
        """The part of it that is on the device."""
        return cls(idle_mb=in_mib(memory.idle.on(device)), page_mb=in_mib(memory.page.on(device)))


class MeasuredMemoryWire(WireModel):
    """Measured memory of workers on their device."""

    idle_mb: int | None
    """Loaded and idle; the largest of the last workers."""
    page_mb: int | None
    """At the peak of reading a page of any size; the largest of the last pages."""
    pages: int
    """Number of pages measured."""

    @classmethod
    def of(cls, memory: MeasuredMemory, device: DeviceId) -> Self:
        """The part of it that is on the device."""
        idle, page = (None if need is None else in_mib(need.on(device)) for need in (memory.idle, memory.page))
        return cls(idle_mb=idle, page_mb=page, pages=memory.pages)


class LoadTimeWire(WireModel):
    """Load time."""

    seconds: float
    """Median of the last loads."""
    loads: int
    """Number of loads."""


class EngineDeviceWire(WireModel):
    """A profile on one device, with its default languages."""

    device: str
    seed: WorkerMemoryWire
    """Shipped figures."""
    estimate: WorkerMemoryWire
    """Present reservation, after learning."""
    measured: MeasuredMemoryWire | None
    load_time: LoadTimeWire | None

    @classmethod
    def of(cls, models: ModelSetReport) -> Self:
        """The figures as they are shown."""
        return cls.show(
            models,
            seed=WorkerMemoryWire.of(models.seed, models.device),
            estimate=WorkerMemoryWire.of(models.estimate, models.device),
            measured=None if models.measured is None else MeasuredMemoryWire.of(models.measured, models.device),
            load_time=models.load,
        )


class ProfileWire(WireModel):
    """One way to run an engine."""

    name: str
    languages: list[str]
    """ISO 639 codes; empty if they are unknown until the models load."""
    devices: list[EngineDeviceWire]
    """Every device of this server that it can use."""

    @classmethod
    def of(cls, profile: ProfileReport) -> Self:
        """The profile as it is shown."""
        return cls.show(profile, devices=[EngineDeviceWire.of(models) for models in profile.model_sets])


class EngineWire(WireModel):
    """One engine."""

    name: str
    version: str | None
    """Version; null if it is not installed."""
    usable: bool
    reason: str | None
    """Why it is unavailable here, and what to do."""
    device_kinds: list[str]
    profiles: list[ProfileWire]
    """The default first."""
    resident: list[ModelSetWire]
    """Its loaded model sets."""

    @classmethod
    def of(cls, engine: EngineReport) -> Self:
        """The engine as it is shown."""
        return cls.show(
            engine,
            version=engine.version or None,
            usable=not engine.unusable,
            reason=engine.unusable or None,
            profiles=[ProfileWire.of(profile) for profile in engine.profiles],
            resident=[ModelSetWire.of(models) for models in engine.resident],
        )


class EngineListWire(WireModel):
    """All engines."""

    engines: list[EngineWire]
    """The default first."""

    @classmethod
    def of(cls, engines: Sequence[EngineReport]) -> Self:
        """The engines as they are shown."""
        return cls(engines=[EngineWire.of(engine) for engine in engines])
