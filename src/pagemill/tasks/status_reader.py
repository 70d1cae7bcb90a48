"""Takes the one snapshot of the service that all status views use."""

from collections.abc import Awaitable, Callable, Mapping

from pagemill.domain.memory import Drift
from pagemill.domain.ports import MemoryAdmission, QueueStatistics, ServicePool
from pagemill.domain.reports.service_status import ServiceStatus
from pagemill.domain.work.nodes import NodeStatus
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.tasks.decisions.forecast import forecasts
from pagemill.tasks.decisions.plan import READER_LANE
from pagemill.tasks.progress.work_counter import WorkCounter


class StatusReader:
    """Takes the snapshot. Runs in the server process.

    Args:
        statistics: Numbers about the queue.
        pool: Services and model sets.
        memory: Devices.
        tally: The work so far.
        server_bytes: Memory of the server process itself.
        drifts: How well estimates held lately.
        nodes: The nodes on the database.
    """

    def __init__(
        self,
        *,
        statistics: QueueStatistics,
        pool: ServicePool,
        memory: MemoryAdmission,
        tally: WorkCounter,
        server_bytes: Callable[[], int],
        drifts: Callable[[], Mapping[ModelSetKey, Drift]],
        nodes: Callable[[], Awaitable[tuple[NodeStatus, ...]]],
    ) -> None:
        self._statistics = statistics
        self._pool = pool
        self._memory = memory
        self._tally = tally
        self._server_bytes = server_bytes
        self._drifts = drifts
        self._nodes = nodes

    async def read(self) -> ServiceStatus:
        """The service at this moment."""
        queue = await self._statistics.statistics()
        pool = self._pool.snapshot()
        nodes = await self._nodes()
        here = sum(lane.capacity for lane in pool.lanes if lane.name != READER_LANE)
        places = here or sum(device.places for each in nodes for device in each.node.devices.values())
        return ServiceStatus(
            queue=queue,
            pool=pool,
            devices=tuple(self._memory.devices()),
            work=self._tally.work_done(),
            server_bytes=self._server_bytes(),
            drifts=self._drifts(),
            forecasts=forecasts(queue.line, page_seconds=queue.page_seconds, places=places),
            nodes=nodes,
        )

    async def read_for(self, caller: str) -> ServiceStatus:
        """The snapshot as this caller may see it."""
        return (await self.read()).seen_by(caller, tasks=await self._statistics.count_tasks(caller))
