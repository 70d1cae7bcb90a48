"""How the pool is set up; `configs.py` makes it from the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pagemill.domain.memory import CPU, MIB, DeviceId


@dataclass(frozen=True)
class WorkerConfig:
    """Limits of one worker.

    Attributes:
        start_limit: From launch until its models are loaded.
        cancel_grace: A cancelled chunk may take so long to finish the page at hand, then the worker is ended.
        stop_grace: The same for a worker told to stop.
        term_grace: After SIGTERM, until SIGKILL.
        kill_limit: Until a killed process must be confirmed dead.
        trim_limit: Giving free memory back may take so long.
        peak_interval: Time between two looks at how large it became while it does something.
        data_limit_bytes: `RLIMIT_DATA` of the worker once its models are loaded; None sets no limit.
        tail_lines: Lines of what it printed that are kept for the report of its death.
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
        workers_per_key: Most processes of one model set; further uses share them.
        readers: The same of readers without structure models, which inspect, too.
        idle_timeout: A model set unused for so long is unloaded.
        idle_timeouts: The same by engine name, where it differs.
        min_residency: A model set is not evicted for another one before it has been there so long.
        trim_after: An idle worker gives its free memory back after so long.
        room_wait: Longest a chunk waits for memory before its pages are given back.
        growth_factor: A worker is replaced once it holds, besides what its engine is known to keep, so many times what
            it held when loaded …
        growth_floor_bytes: … and at least so many bytes more …
        growth_per_page_bytes: … or once it grows by so much with every page, for long.
        interval: Time between two looks at what is idle.
        load_tries: A model set whose worker dies while it loads is loaded so many times in a row.
        load_pause: Before the second time; twice as long before each one after that.
        engine_options: `engines.<name>` of the settings.
        structure_factory: Where workers find the structure models, a `StructureFactory`.
        worker: Limits of each worker.
        gpu_uuids: What each GPU is called for ever, whatever its number.
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
    worker: WorkerConfig = WorkerConfig()
    gpu_uuids: Mapping[DeviceId, str] = field(default_factory=dict)

    def has_outgrown(self, base_rss_bytes: int, rss_bytes: int, *, kept_bytes: int = 0) -> bool:
        """Whether a worker is to be replaced.

        Args:
            base_rss_bytes: What it held when loaded.
            rss_bytes: What it holds now, between chunks.
            kept_bytes: What its engine keeps as it meets new sizes; that is no growth.
        """
        most = max(base_rss_bytes * self.growth_factor, base_rss_bytes + self.growth_floor_bytes)
        return rss_bytes - kept_bytes > most


@dataclass(frozen=True)
class PoolConfig:
    """How many services there are.

    Attributes:
        services: Places for services by device; a device that is not named has none.
        readers: Places for services without an engine that read pages.
        services_total: Most services that read pages at the same time; None for the sum of their places.
        acquire_wait: Longest wait for a service where the caller names none.
        inspections: Documents inspected at the same time, each by a reader of its own where there is memory for that.
        inspect_limit: Longest the inspection of one upload may take, waiting for a reader not counted.
        inspect_wait: Longest wait for a reader to inspect an upload.
        max_pages: The most pages a document may have; None for any number.
    """

    services: Mapping[DeviceId, int] = field(default_factory=lambda: {CPU: 2})
    readers: int = 1
    services_total: int | None = None
    acquire_wait: timedelta = timedelta(seconds=60)
    inspections: int = 4
    inspect_limit: timedelta = timedelta(seconds=20)
    inspect_wait: timedelta = timedelta(seconds=20)
    max_pages: int | None = None
