"""Engines as people are shown them: what was found, promised and measured."""

from dataclasses import dataclass

from pagemill.domain.memory import DeviceId, MemoryNeed
from pagemill.domain.reports.snapshot import ModelSetSnapshot

A4_PIXELS = 1654 * 2339
"""An A4 page at 200 dpi: the page that memory is stated for."""


@dataclass(frozen=True)
class WorkerMemory:
    """What a worker takes.

    Attributes:
        idle: Loaded, idle, trimmed.
        page: At the peak of reading a page, the worker included.
    """

    idle: MemoryNeed
    page: MemoryNeed


@dataclass(frozen=True)
class MeasuredMemory:
    """What workers were seen to take; the largest figures of the last ones.

    Attributes:
        idle: Loaded, idle, trimmed; None where none was seen so.
        page: At the peak of reading a page of any size; None where none was read.
        pages: How many pages `page` is of.
    """

    idle: MemoryNeed | None
    page: MemoryNeed | None
    pages: int


@dataclass(frozen=True)
class LoadTime:
    """How long loading took: the median of the last loads.

    Attributes:
        seconds: From launch until ready.
        loads: How many it is of.
    """

    seconds: float
    loads: int


@dataclass(frozen=True)
class ModelSetReport:
    """A profile on one device, with its default languages.

    Attributes:
        seed: Shipped figures, for a page of `A4_PIXELS`.
        estimate: What is reserved now for such a page, after all that was learned.
        measured: What was seen; None where nothing was.
        load: None where it was never loaded.
    """

    device: DeviceId
    seed: WorkerMemory
    estimate: WorkerMemory
    measured: MeasuredMemory | None
    load: LoadTime | None


@dataclass(frozen=True)
class ProfileReport:
    """One way to run an engine, on every device here that it can use."""

    name: str
    languages: tuple[str, ...]
    model_sets: tuple[ModelSetReport, ...]


@dataclass(frozen=True)
class EngineReport:
    """One engine.

    Attributes:
        version: Empty where it is not installed.
        unusable: Why it cannot be used here and what to do; empty where it can.
        device_kinds: "cpu", "cuda".
        resident: Its model sets that are loaded now.
    """

    name: str
    version: str
    unusable: str
    device_kinds: tuple[str, ...]
    profiles: tuple[ProfileReport, ...]
    resident: tuple[ModelSetSnapshot, ...]
