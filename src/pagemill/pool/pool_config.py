"""The configuration of the pool; `configs.py` makes it from the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pagemill.domain.memory import CPU, MIB, DeviceId


@dataclass(frozen=True)
class WorkerConfig:
    """Limits of one worker.

    Attributes:
        start_limit: From launch until its models are loaded.
        cancel_grace: How long a cancelled chunk may take to finish the current page before the worker is ended.
        stop_grace: The same for a worker told to stop.
        term_grace: After SIGTERM, until SIGKILL.
        kill_limit: Until a killed process must be confirmed dead.
        trim_limit: How long giving free memory back may take.
        peak_interval: Time between two measurements of its peak while it works.
        data_limit_bytes: `RLIMIT_DATA` of the worker once its models are loaded; None sets no limit.
        tail_lines: How many of the last lines it printed are kept for the report of its death.
    """

    start_limit: timedelta = timedelta(seconds=120)
    cancel_grace: timedelta = timedelta(seconds=10)
    stop_grace: timedelta = timedelta(seconds=5)
    term_grace: timedelta = timedelta(seconds=1)
    kill_limit: timedelta = timedelta(seconds=5)
    trim_limit: timedelta = timedelta(seconds=10)
    peak_interval: timedelta = timedelta(milliseconds=50)
    data_limit_bytes: int | None = None
    tail_lines: int = 100


@dataclass(frozen=True)
class ModelManagerConfig:
    """How model sets are kept.

    Attributes:
        threads: Threads each engine computes with.
        workers_per_key: Most processes of one model set, besides one for the spare place; further uses share them.
        readers: The same for readers without structure models.
        idle_timeout: How long a model set may be unused before it is unloaded.
        idle_timeouts: The same for engines that differ, by name.
        min_residency: How long a model set stays before it may be evicted for another one.
        trim_after: How long a worker is idle before it gives its free memory back.
        room_wait: Longest wait of a chunk for memory before its pages go back to the queue.
        growth_factor: A worker is replaced once it holds this many times what it held when loaded (what its engine is
            known to keep is not counted) …
        growth_floor_bytes: … and at least this many bytes more …
        growth_per_page_bytes: … or once it grows by this much with every page, for a long time (see `Growth`).
        interval: Time between two looks at idle model sets.
        load_tries: How many times in a row a model set is loaded if its worker dies while it loads.
        load_pause: The pause before the second time; it doubles before each one after that.
        engine_options: `engines.<name>` of the settings.
        structure_factory: Where workers find the structure models, a `StructureFactory`.
        niceness: How far workers stand back for others on the CPU; those of the spare place do not.
        worker: Limits of each worker.
        gpu_uuids: The lasting name of each GPU, whatever its number.
    """

    threads: int = 1
    workers_per_key: int = 2
    readers: int = 2
    idle_timeout: timedelta = timedelta(seconds=300)
    idle_timeouts: Mapping[str, timedelta] = field(default_factory=dict)
    min_residency: timedelta = timedelta(seconds=5)
    trim_after: timedelta = timedelta(seconds=2)
    room_wait: timedelta = timedelta(seconds=30)
    growth_factor: float = 2.0
    growth_floor_bytes: int = 256 * MIB
    growth_per_page_bytes: int = MIB
    interval: timedelta = timedelta(seconds=1)
    load_tries: int = 3
    load_pause: timedelta = timedelta(milliseconds=200)
    engine_options: Mapping[str, Mapping[str, str | int | float | bool]] = field(default_factory=dict)
    structure_factory: str = ""
    niceness: int = 0
    worker: WorkerConfig = WorkerConfig()
    gpu_uuids: Mapping[DeviceId, str] = field(default_factory=dict)

    def has_outgrown(self, base_rss_bytes: int, rss_bytes: int, *, kept_bytes: int = 0) -> bool:
        """Whether a worker must be replaced.

        Args:
            base_rss_bytes: What it held when loaded.
            rss_bytes: What it holds now, between chunks.
            kept_bytes: What its engine keeps as it meets new sizes, which is not growth.
        """
        most = max(base_rss_bytes * self.growth_factor, base_rss_bytes + self.growth_floor_bytes)
        return rss_bytes - kept_bytes > most


@dataclass(frozen=True)
class PoolConfig:
    """How many services there are.

    Attributes:
        services: Places for services by device; other devices have none.
        readers: Places for services without an engine that read pages.
        services_total: Most services that read pages at the same time; None for the sum of their places.
        spare_after: How long a caller that may use the spare place on the CPU first waits for a usual one; None: there
            is no spare place.
        acquire_wait: Longest wait for a service if the caller sets no limit.
        inspections: Documents inspected at the same time, each by its own reader if memory allows.
        inspect_limit: Longest inspection of one upload, without the wait for a reader.
        inspect_wait: Longest wait for a reader to inspect an upload.
        max_pages: The most pages a document may have; None for any number.
    """

    services: Mapping[DeviceId, int] = field(default_factory=lambda: {CPU: 2})
    readers: int = 1
    services_total: int | None = None
    spare_after: timedelta | None = None
    acquire_wait: timedelta = timedelta(seconds=60)
    inspections: int = 4
    inspect_limit: timedelta = timedelta(seconds=20)
    inspect_wait: timedelta = timedelta(seconds=20)
    max_pages: int | None = None
