"""Memory of running tasks over time: a maintenance duty that samples the memory of their workers."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pagemill.domain.memory import in_mib
from pagemill.domain.ports import Clock, ServicePool, TaskSamples
from pagemill.domain.reports.service_status import TaskSample
from pagemill.domain.reports.snapshot import PoolSnapshot
from pagemill.domain.work.recognition import Stage
from pagemill.tasks.duty import Duty
from pagemill.tasks.progress.event_handlers import TaskEventHandlers


@dataclass(frozen=True)
class SamplerConfig:
    """How often to take samples.

    Attributes:
        interval: Time between two samples.
    """

    interval: timedelta = timedelta(seconds=2)


class TaskSampler:
    """Writes a sample of every task that a worker of this server works on. Runs in the server process."""

    def __init__(
        self,
        config: SamplerConfig,
        *,
        samples: TaskSamples,
        pool: ServicePool,
        handlers: TaskEventHandlers,
        clock: Clock,
    ) -> None:
        self._samples = samples
        self._pool = pool
        self._handlers = handlers
        self._clock = clock
        self._duty = Duty("task sampler", self.run_once, interval=config.interval)

    async def start(self) -> None:
        """See `Runnable.start`."""
        await self._duty.start()

    async def run_once(self) -> None:
        """Take one sample of each task."""
        samples = samples_of(self._pool.snapshot(), self._handlers.holders(), now=self._clock.now())
        await self._samples.add(samples)

    async def stop(self) -> None:
        """See `Runnable.stop`."""
        await self._duty.stop()


def samples_of(pool: PoolSnapshot, holders: Mapping[str, str], *, now: datetime) -> tuple[TaskSample, ...]:
    """The memory of each task's workers, summed by device and stage.

    Args:
        pool: The pool at this moment.
        holders: The task of each service in use, by the service's id.
        now: The time of the sample.
    """
    held: defaultdict[tuple[str, str, Stage], int] = defaultdict(int)
    for model_set in pool.model_sets:
        task_id = holders.get(model_set.service_instance_id or "")
        if task_id is not None:
            stage = Stage.TEXT if model_set.key.is_reader else Stage.OCR
            held[task_id, model_set.key.device, stage] += model_set.rss_bytes
    return tuple(
        TaskSample(task_id, now, memory_usage_mb=in_mib(rss_bytes), device=device, processing_stage=stage)
        for (task_id, device, stage), rss_bytes in held.items()
    )
