"""Where work runs: asked of the pool."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Protocol

from pagemill.domain.documents import DocumentInfo
from pagemill.domain.memory import DeviceId, MemoryNeed
from pagemill.domain.reports.engine_report import LoadTime
from pagemill.domain.reports.snapshot import PoolSnapshot
from pagemill.domain.work.outcomes import (
    ChunkOutcome,
    PageOutcome,
)
from pagemill.domain.work.recognition import ChunkParams, ModelSetKey

OnBegin = Callable[[], Awaitable[None]]
OnPage = Callable[[PageOutcome], Awaitable[None]]


class Service(Protocol):
    """The right to use one resident model set, until released."""

    @property
    def service_instance_id(self) -> str:
        """Recorded on the tasks it works for."""
        ...

    @property
    def key(self) -> ModelSetKey:
        """The model set it uses."""
        ...

    @property
    def reserved(self) -> MemoryNeed:
        """What is promised to that model set now."""
        ...

    async def process(
        self, task_id: str, params: ChunkParams, on_page: OnPage, *, on_begin: OnBegin | None = None
    ) -> ChunkOutcome:
        """Read a chunk; `on_page` is awaited for every page as it ends, before the next one's outcome is taken.

        `on_begin` is awaited once there is memory for the chunk, before its worker begins on the first page.
        A lost worker is an outcome, not an exception. Cancelling the call stops the work within a page.
        """
        ...


class ServicePool(Protocol):
    """Bounded right to services: one shared pool for every device."""

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
    ) -> Service:
        """Wait for a free place and a loaded model set; `fresh`: in a process that has read nothing yet.

        With `structure` the model set holds the structure models, too; a reader that does takes a place on its device.

        Raises:
            PoolExhausted: None became free within `wait` (None: the settings' limit).
            DeviceUnavailable: There is no such device.
            NeverFits: The model set is larger than the device's memory.
            WorkerLost: The model set could not be loaded.
        """
        ...

    async def release(self, service: Service) -> None:
        """Give it back; giving back twice is no error."""
        ...

    def snapshot(self) -> PoolSnapshot:
        """Places, services in use and resident model sets at this moment."""
        ...


class LoadHistory(Protocol):
    """How long model sets took to load."""

    def load_time(self, key: ModelSetKey) -> LoadTime | None:
        """Of the last loads; None where there were none."""
        ...


class DocumentInspector(Protocol):
    """Looks at uploads, in a worker and never in the server."""

    async def inspect(self, path: str, *, caller: str = "") -> DocumentInfo:
        """What the document is; `caller` is who sent it, where that is known.

        Raises:
            DocumentError: It cannot be read, and why.
            PoolExhausted: No reader became free in time.
            TimedOut: It took longer than the limit for inspection.
        """
        ...
