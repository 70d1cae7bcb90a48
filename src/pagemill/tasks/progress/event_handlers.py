"""Handlers of task events."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from pagemill.domain.memory import DeviceId, in_mib
from pagemill.domain.ports import EventLog, PageQueue, ResourceLog, Service
from pagemill.domain.task.events import Details, TaskEvent
from pagemill.domain.task.task import Task
from pagemill.tasks.progress.task_watch import TaskWatch
from pagemill.tasks.progress.work_counter import WorkCounter

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ResourceUse:
    """What a task used of a service, from acquiring to releasing it.

    Attributes:
        device: The service's device.
        reserved_bytes: Its reservation there; 0 if no chunk has ended.
        peak_bytes: The worker's highest peak on any of its pages; 0 if none was read.
    """

    device: DeviceId
    reserved_bytes: int = 0
    peak_bytes: int = 0

    def details(self) -> Details:
        """The details of the event."""
        return {
            "device": self.device,
            "reserved_mb": in_mib(self.reserved_bytes),
            "peak_mb": in_mib(self.peak_bytes),
        }


def resource_of(service: Service) -> Details:
    """The details of a service that a task has acquired."""
    key = service.key
    return {
        "service_instance_id": service.service_instance_id,
        "device": key.device,
        "engine": key.engine,
        "profile": key.profile,
        "reserved_mb": in_mib(service.reserved.on(key.device)),
    }


class TaskEventHandlers:
    """Handlers of task events: they log, track, count, and wake those who wait. One per server process.

    Attributes:
        tally: Counts events.
    """

    def __init__(
        self,
        *,
        resources: ResourceLog,
        pages: PageQueue,
        events: EventLog,
        watch: TaskWatch,
        tally: WorkCounter | None = None,
    ) -> None:
        self._resources = resources
        self._pages = pages
        self._events = events
        self._watch = watch
        self.tally = tally or WorkCounter()
        self._held: defaultdict[str, list[str]] = defaultdict(list)
        self._warned: set[str] = set()

    def services_of(self, task_id: str) -> tuple[str, ...]:
        """The services that the task holds now."""
        return tuple(self._held.get(task_id, ()))

    def holders(self) -> Mapping[str, str]:
        """The task of each service in use, by the service's id."""
        return {resource: task_id for task_id, resources in self._held.items() for resource in resources}

    async def record(self, task_id: str, event: TaskEvent, details: Details | None = None) -> None:
        """Write an event to the task's log, and wake those who wait for the task."""
        await self._events.append(task_id, event, details)
        self._watch.notify_progress(task_id)

    async def on_task_resource_acquired(self, task_id: str, resource: Details) -> None:
        """A service now works for the task: log it, record it on the task, and write it to the task's log.

        Args:
            task_id: The task.
            resource: `service_instance_id`, and other details such as `device`, `engine`, `reserved_mb`.
        """
        service = str(resource["service_instance_id"])
        logger.debug("Task %s acquired the service %s", task_id, service)
        self._held[task_id].append(service)
        await self._resources.record_acquired(task_id, service, resource)
        self._watch.notify_progress(task_id)

    async def on_task_resource_released(self, task_id: str, resource: str, use: ResourceUse) -> None:
        """The service is free again: log reservation and peak, and warn if the peak exceeded the reservation."""
        self._held[task_id].remove(resource)
        if not self._held[task_id]:
            del self._held[task_id]
        task = await self._resources.record_released(task_id, {"service_instance_id": resource, **use.details()})
        self._watch.notify_progress(task_id)
        await self._warn_of_excess(task, use)

    async def on_task_cleanup_completed(self, task_id: str) -> bool:
        """Verify that the task holds nothing any more, and only then mark the task.

        Returns:
            Whether it holds nothing; otherwise it is cleaned up again later.
        """
        left = self.services_of(task_id)
        if left or (leased := await self._resources.record_cleaned(task_id)):
            held = f"services {', '.join(left)}" if left else f"pages {leased}"
            logger.warning("Task %s still holds %s after its cleanup", task_id, held)
            return False
        self._warned.discard(task_id)
        self._watch.notify(task_id)
        return True

    async def _warn_of_excess(self, task: Task, use: ResourceUse) -> None:
        """Warn once per task: its receipt has the highest peak, and its health shows the same.

        The reservation of a chunk also covers what earlier pages left in its worker, so it may exceed the estimate.
        """
        promised_mb, peak_mb = max(task.estimated_memory_mb or 0, in_mib(use.reserved_bytes)), in_mib(use.peak_bytes)
        if task.task_id not in self._warned and promised_mb and peak_mb > promised_mb:
            self._warned.add(task.task_id)
            details: Details = {"kind": "over_promise", "peak_mb": peak_mb, "promised_mb": promised_mb}
            await self.record(task.task_id, TaskEvent.MEMORY_WARNING, details)

    def on_page_settled(self, task_id: str) -> None:
        """Note that one page has an outcome."""
        self._watch.notify_progress(task_id)

    def notify_end(self, task_id: str) -> None:
        """Announce that the task ended before its last page."""
        self._watch.notify(task_id)

    async def on_chunk_ended(self, task_id: str) -> None:
        """End the task if it has no unfinished pages, and wake those who wait for it."""
        for task in await self._pages.finish_completed(task_id):
            logger.info("Task %s %s", task.task_id, task.status)
        self._watch.notify(task_id)
