"""Reports on engines for users: versions, availability, reserved and measured memory."""

from dataclasses import dataclass

from pagemill.domain.memory import DeviceId, MemoryNeed
from pagemill.domain.reports.snapshot import ModelSetSnapshot

A4_PIXELS = 1654 * 2339
"""An A4 page at 200 dpi: memory figures are for this page."""


@dataclass(frozen=True)
class WorkerMemory:
    """The memory of a worker.

    Attributes:
        idle: Loaded, idle, trimmed.
        page: At the peak of reading a page, including the worker.
    """

    idle: MemoryNeed
    page: MemoryNeed


@dataclass(frozen=True)
class MeasuredMemory:
    """The measured memory of the last workers; the largest figures.

    Attributes:
        idle: Loaded, idle, trimmed; None if there was none.
        page: At the peak of reading a page of any size; None if none was read.
        pages: The number of pages behind `page`.
    """

    idle: MemoryNeed | None
    page: MemoryNeed | None
    pages: int


@dataclass(frozen=True)
class LoadTime:
    """The median time of the last loads.

    Attributes:
        seconds: From launch until ready.
        loads: The number of loads.
    """

    seconds: float
    loads: int


@dataclass(frozen=True)
class ModelSetReport:
    """A profile on one device, with its default languages.

    Attributes:
        seed: Shipped figures, for a page of `A4_PIXELS`.
        estimate: The present reservation for such a page, after learning.
        measured: Measured memory; None if there is none.
        load: Load time; None if it was never loaded.
    """

    device: DeviceId
    seed: WorkerMemory
    estimate: WorkerMemory
    measured: MeasuredMemory | None
    load: LoadTime | None


@dataclass(frozen=True)
class ProfileReport:
    """One way to run an engine, on every device of this machine that it can use."""

    name: str
    languages: tuple[str, ...]
    model_sets: tuple[ModelSetReport, ...]


@dataclass(frozen=True)
class EngineReport:
    """One engine.

    Attributes:
        version: Empty if it is not installed.
        unusable: Why it is unavailable here and what to do; empty if it is available.
        device_kinds: "cpu", "cuda".
        resident: Its loaded model sets.
    """

    name: str
    version: str
    unusable: str
    device_kinds: tuple[str, ...]
    profiles: tuple[ProfileReport, ...]
    resident: tuple[ModelSetSnapshot, ...]
