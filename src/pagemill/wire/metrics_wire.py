"""How the service is doing, as it goes over the wire: `GET /tasks/metrics`."""

from typing import Self

from pagemill.domain.reports.service_status import TaskMetrics
from pagemill.domain.task.task import TaskStatus
from pagemill.wire.task_wire import DeviceMemoryWire
from pagemill.wire.wire_model import WireModel


class TaskCountsWire(WireModel):
    """How many tasks there are; what no task has is left out, but for the status."""

    total: int
    by_status: dict[TaskStatus, int]
    by_device: dict[str, int]
    """Where they run or are to run."""
    by_priority: dict[int, int]
    """Their present one, the highest first."""
    by_engine: dict[str, int]


class PlacesWire(WireModel):
    """Services of one kind."""

    capacity: int
    """How many there may be."""
    in_use: int
    utilization: float
    """Share in use, 0 … 1."""


class PoolUtilizationWire(WireModel):
    """How much of the pool is in use."""

    total: PlacesWire
    by_device: dict[str, PlacesWire]
    """Those that recognise."""
    readers: PlacesWire
    """Those that take text layers and inspect documents."""
    by_engine: dict[str, PlacesWire]
    """Resident model sets of each engine."""


class MetricsWire(WireModel):
    """How the service is doing."""

    active_tasks: TaskCountsWire
    """Tasks that run, wait for a retry or are being cancelled."""
    queued_tasks: TaskCountsWire
    """Tasks that wait to be let in."""
    memory_by_device: dict[str, DeviceMemoryWire]
    pool_utilization: PoolUtilizationWire
    """Services in use of those there may be."""
    average_wait_time: float
    """Seconds from queued to started, of the tasks started in the last hour."""

    @classmethod
    def of(cls, metrics: TaskMetrics) -> Self:
        """The metrics as they are shown."""
        memory = {device: DeviceMemoryWire.of(memory) for device, memory in metrics.memory_by_device.items()}
        wait_s = metrics.average_wait_time.total_seconds()
        return cls.show(metrics, memory_by_device=memory, average_wait_time=wait_s)
