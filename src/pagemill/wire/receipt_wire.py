"""The JSON form of a memory receipt; sizes are MiB where the name says so."""

from datetime import datetime
from typing import Self

from pagemill.domain.task.receipt import Receipt
from pagemill.wire.wire_model import WireModel


class RungWire(WireModel):
    """One step up the out-of-memory ladder."""

    page: int
    rung: str | None
    """The next rung; null: the page failed."""
    reason: str
    """Reason of the failure."""
    device: str
    reached_mb: int
    """The worker's peak when the page failed."""
    at: datetime


class ReceiptWire(WireModel):
    """What a task used of the machine."""

    task_id: str
    estimated_mb: int | None
    """Expected peak before it ran."""
    reserved_mb: int | None
    """The highest reservation of any of its chunks; null until one has ended."""
    peak_mb: int | None
    """Highest peak of any worker on any of its pages; null until a page has run."""
    devices: list[str]
    """Devices that worked on its pages, in order of first use."""
    rungs: list[RungWire]
    """Steps up the out-of-memory ladder, in order."""
    retries: dict[str, int]
    """Number of page retries, by reason."""
    workers_lost: dict[str, int]
    """Workers that died with one of its pages, by cause."""
    memory_warnings: int
    waited_s: float
    """Time in the queue."""
    worked_s: float
    """Time that workers spent on pages they read."""
    is_final: bool

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """The receipt as it is shown."""
        waited, worked = receipt.waited.total_seconds(), receipt.worked.total_seconds()
        return cls.show(receipt, waited_s=waited, worked_s=worked)
