"""Where work runs: what other rooms ask of the pool."""

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
    """The right to use one resident model set, until its release."""

    @property
    def service_instance_id(self) -> str:
        """The id that is recorded on its tasks."""
        ...

    @property
    def key(self) -> ModelSetKey:
        """The model set it uses."""
        ...

    @property
    def reserved(self) -> MemoryNeed:
        """The present reservation of that model set."""
        ...

    async def process(
        self, task_id: str, params: ChunkParams, on_page: OnPage, *, on_begin: OnBegin | None = None
    ) -> ChunkOutcome:
        """Read a chunk, and await `on_page` for every page as it ends, before taking the next outcome.

        It awaits `on_begin` once the chunk has its memory, before the worker begins on the first page.
        A lost worker is an outcome, not an exception. Cancelling the call stops the work within a page.
        """
        ...


class ServicePool(Protocol):
    """Hands out a bounded number of services: one shared pool for every device."""

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
    ) -> Service:
        """Wait for a free place and a loaded model set; `fresh`: in a process that has not read anything yet.

        With `structure`, the model set also holds the structure models; a reader with them takes a place on its device.
        With `may_use_spare`, a pool that has a spare place on the device gives it to a caller that waits for too long.

        Raises:
            PoolExhausted: No service became free within `wait` (None: the settings' limit).
            DeviceUnavailable: There is no such device.
            NeverFits: The model set is larger than the device's memory.
            WorkerLost: Loading the model set failed.
        """
        ...

    async def release(self, service: Service) -> None:
        """Return the service; returning it twice is not an error."""
        ...

    def snapshot(self) -> PoolSnapshot:
        """Places, services in use and resident model sets at this moment."""
        ...


class LoadHistory(Protocol):
    """How long model sets took to load."""

    def load_time(self, key: ModelSetKey) -> LoadTime | None:
        """The time of the last loads; None if there were none."""
        ...


class DocumentInspector(Protocol):
    """Inspects uploads, in a worker and never in the server."""

    async def inspect(self, path: str, *, caller: str = "", password: str | None = None) -> DocumentInfo:
        """Find out what the document is; `caller` sent it, and `password` opens it, if it needs one.

        Raises:
            DocumentError: The document cannot be read; the message says why. Also if it kills its reader.
            PoolExhausted: No reader, or no memory, became free in time; `retry_after_s` says when to come back.
            NeverFits: This machine can never have enough memory to open a document.
            WorkerLost: The reader could not be loaded, or was ended to make room for others.
            TimedOut: The inspection exceeded its time limit.
        """
        ...
