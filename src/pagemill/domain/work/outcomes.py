"""How work ended: of a page, of a chunk of pages, of a worker."""

from dataclasses import dataclass
from enum import StrEnum

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.memory import NOTHING, MemoryNeed
from pagemill.domain.page.page import PageWarning
from pagemill.domain.text import TextFromOutside, without_paths


@dataclass(frozen=True)
class PageRead:
    """The page was read.

    Attributes:
        number: 1-based page number.
        payload: Its `Page.to_json()`; opaque to the server.
        seconds: Time that the worker spent on it.
        peak_bytes: The worker's highest resident size meanwhile.
        pixels: Pixels of the image that the engine read; 0 for a text layer.
        confidence: Its `Page.confidence`.
        warnings: Its `Page.warnings`.
        is_doubtful: Some lines were not read or probably misread, such as lines in a script that its engine lacks.
    """

    number: int
    payload: bytes
    seconds: float
    peak_bytes: int
    pixels: int = 0
    confidence: float | None = None
    warnings: tuple[PageWarning, ...] = ()
    is_doubtful: bool = False


@dataclass(frozen=True)
class PageNeedsOcr:
    """The page shows more than a trustworthy text layer holds; an engine must recognise it."""

    number: int


@dataclass(frozen=True)
class PageFailed(TextFromOutside):
    """The worker is alive, but could not read this page. Its message goes into results, so it names no path."""

    number: int
    reason: TaskFailureReason
    message: str
    retryable: bool
    peak_bytes: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "message", without_paths(self.message))


@dataclass(frozen=True)
class PageTooLarge(PageFailed):
    """The page needs more memory than this node can ever provide; no worker tried it.

    Attributes:
        need: What it needs at least; a node that can provide this may read it.
    """

    need: MemoryNeed = NOTHING


PageOutcome = PageRead | PageNeedsOcr | PageFailed


class LossCause(StrEnum):
    """Why a worker ended unexpectedly."""

    CRASH = "crash"
    HANG = "hang"
    KERNEL_OOM = "kernel_oom"
    OVER_RESERVATION = "over_reservation"
    MEMORY_PRESSURE = "memory_pressure"
    PROTOCOL = "protocol"
    LOAD_FAILED = "load_failed"
    NODE = "node"


@dataclass(frozen=True)
class WorkerLoss(TextFromOutside):
    """How a worker was lost.

    Attributes:
        cause: The kind of death.
        message: The details, for users: signal, exit code, last output on stderr.
        page: The page that it was working on, which may be to blame; None if it was on none.
        peak_bytes: The highest resident size seen; it needed at least this.
    """

    cause: LossCause
    message: str
    page: int | None = None
    peak_bytes: int = 0

    @property
    def reason(self) -> TaskFailureReason:
        """The failure reason of a page that ends with this loss."""
        return _REASONS[self.cause]


_REASONS = {
    LossCause.CRASH: TaskFailureReason.WORKER_CRASHED,
    LossCause.HANG: TaskFailureReason.TIMEOUT,
    LossCause.KERNEL_OOM: TaskFailureReason.OUT_OF_MEMORY,
    LossCause.OVER_RESERVATION: TaskFailureReason.MEMORY_LIMIT_EXCEEDED,
    LossCause.MEMORY_PRESSURE: TaskFailureReason.OUT_OF_MEMORY,
    LossCause.PROTOCOL: TaskFailureReason.WORKER_CRASHED,
    LossCause.LOAD_FAILED: TaskFailureReason.ENGINE_ERROR,
    LossCause.NODE: TaskFailureReason.WORKER_CRASHED,
}


@dataclass(frozen=True)
class ChunkOutcome:
    """How a chunk ended.

    Attributes:
        settled: Numbers of the pages with an outcome, in order of arrival.
        loss: How the worker was lost, if it was.
        reserved_bytes: The chunk's reservation on its device.
    """

    settled: tuple[int, ...]
    loss: WorkerLoss | None = None
    reserved_bytes: int = 0
