"""The JSON of the service's metrics: `GET /tasks/metrics`."""

from typing import Self

from pagemill.domain.reports.service_status import TaskMetrics
from pagemill.domain.task.task import TaskStatus
from pagemill.wire.node_wire import NodeWire
from pagemill.wire.task_wire import DeviceMemoryWire
from pagemill.wire.wire_model import WireModel


class TaskCountsWire(WireModel):
    """Number of tasks: in total, and by status, device, priority and engine."""

    total: int
    by_status: dict[TaskStatus, int]
    by_device: dict[str, int]
    """By the device where they run or will run."""
    by_priority: dict[int, int]
    """By their present priority, the highest first."""
    by_engine: dict[str, int]


class PlacesWire(WireModel):
    """Services of one kind."""

    capacity: int
    """Their limit."""
    in_use: int
    utilization: float
    """Share in use, 0 … 1."""


class PoolUtilizationWire(WireModel):
    """Use of the pool."""

    total: PlacesWire
    by_device: dict[str, PlacesWire]
    """Services that recognise, by device."""
    readers: PlacesWire
    """Services that read text layers and inspect documents."""
    by_engine: dict[str, PlacesWire]
    """Loaded model sets of each engine."""


class MetricsWire(WireModel):
    """Metrics of the service."""

    active_tasks: TaskCountsWire
    """Tasks that run, wait for a retry or are being cancelled."""
    queued_tasks: TaskCountsWire
    """Tasks that wait to start."""
    memory_by_device: dict[str, DeviceMemoryWire]
    pool_utilization: PoolUtilizationWire
    """Services in use, and their limits."""
    average_wait_time: float
    """Seconds from queued to started, of the tasks started in the last hour."""
    nodes: list[NodeWire]
    """The servers that read pages, by name; one that ended stays for an hour."""

    @classmethod
    def of(cls, metrics: TaskMetrics) -> Self:
        """The metrics as they are shown."""
        memory = {device: DeviceMemoryWire.of(memory) for device, memory in metrics.memory_by_device.items()}
        wait_s = metrics.average_wait_time.total_seconds()
        nodes = [NodeWire.of(node) for node in metrics.nodes]
        return cls.show(metrics, memory_by_device=memory, average_wait_time=wait_s, nodes=nodes)
