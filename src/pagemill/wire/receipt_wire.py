"""The JSON form of a memory receipt; sizes are MiB where the name says so."""

from datetime import datetime
from typing import Self

from pagemill.domain.task.receipt import Receipt
from pagemill.wire.wire_model import WireModel


class RungWire(WireModel):
    """One step up the out-of-memory ladder."""

    page: int
    rung: str | None
    """What was tried next; null: the page was given up."""
    reason: str
    """What it ran into."""
    device: str
    reached_mb: int
    """The worker's peak when it failed."""
    at: datetime


class ReceiptWire(WireModel):
    """What a task took of the machine."""

    task_id: str
    estimated_mb: int | None
    """Peak expected before it ran."""
    reserved_mb: int | None
    """The highest reservation of any of its batches; null until one ended."""
    peak_mb: int | None
    """Highest peak of any worker on any of its pages; null until one ran."""
    devices: list[str]
    """Where its pages were worked, in the order they came to it."""
    rungs: list[RungWire]
    """What was done when memory ran out, in order."""
    retries: dict[str, int]
    """Times a page was tried again, by reason."""
    workers_lost: dict[str, int]
    """Workers that died with one of its pages, by cause."""
    memory_warnings: int
    waited_s: float
    """Time in the queue."""
    worked_s: float
    """Time workers spent on the pages that were read."""
    is_final: bool

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """The receipt as it is shown."""
        waited, worked = receipt.waited.total_seconds(), receipt.worked.total_seconds()
        return cls.show(receipt, waited_s=waited, worked_s=worked)
