"""Wires the tasks' work: from a waiting page to its commit."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from pagemill import configs
from pagemill.app.memory_parts import MemoryParts
from pagemill.app.node_parts import NodeParts
from pagemill.app.pool_parts import PoolParts
from pagemill.app.progress_parts import ProgressParts
from pagemill.app.site import Site
from pagemill.store.notifications import Notifications
from pagemill.store.parts import StoreParts
from pagemill.tasks.duties.webhook_setup import oom_alerts
from pagemill.tasks.work.batch_sizes import BatchSizes
from pagemill.tasks.work.chunk_params import ChunkParamsMaker
from pagemill.tasks.work.chunks import ChunkRunner
from pagemill.tasks.work.cleanup import TaskCleaner
from pagemill.tasks.work.dispatcher import Dispatcher
from pagemill.tasks.work.error_handler import TaskErrorHandler
from pagemill.tasks.work.faults import FaultCounter
from pagemill.tasks.work.finisher import TaskFinisher
from pagemill.tasks.work.giving_way import GivingWay
from pagemill.tasks.work.memory_warnings import MemoryWarnings
from pagemill.tasks.work.second_reading import SecondReader
from pagemill.tasks.work.wakeups import TaskWakeups


@dataclass(frozen=True)
class WorkParts:
    """The parts that work on tasks.

    Attributes:
        cleaner: Cleans up after tasks.
        follower: Follows tasks to their end.
        dispatcher: Brings pages and services together.
        warnings: Warn tasks that memory is running short.
        notifications: Receive events from other servers.
    """

    cleaner: TaskCleaner
    follower: TaskFinisher
    dispatcher: Dispatcher
    warnings: MemoryWarnings
    notifications: Notifications

    @classmethod
    def of(
        cls,
        site: Site,
        store: StoreParts,
        *,
        memory: MemoryParts,
        pool: PoolParts,
        node: NodeParts,
        progress: ProgressParts,
    ) -> Self:
        """Wire them."""
        cleaner = TaskCleaner(
            store=store.tasks,
            handlers=progress.handlers,
            watch=progress.watch,
            work_dir=site.work_dir,
            limit=timedelta(seconds=site.settings.tasks.cleanup_timeout_seconds),
        )
        follower = TaskFinisher(store=store.tasks, watch=progress.watch, cleaner=cleaner, resumes=site.is_alone)
        dispatcher = Dispatcher(
            configs.dispatcher_config(site.settings, pool.places),
            queue=store.queue,
            pages=store.pages,
            overdue=store.overdue,
            memory=memory.guard,
            chunks=_chunks(site, store, memory=memory, pool=pool, node=node, progress=progress),
            follower=follower,
            passwords=progress.passwords,
            nodes=node.nodes,
        )
        wakeups = TaskWakeups(watch=progress.watch, dispatcher=dispatcher)
        return cls(
            cleaner=cleaner,
            follower=follower,
            dispatcher=dispatcher,
            warnings=MemoryWarnings(pool=pool.pool, handlers=progress.handlers, listen=memory.guard.listen),
            notifications=Notifications(
                site.database_url,
                on_event=wakeups.on_event,
                on_connected=wakeups.on_connected,
                owner=site.owner if site.role.reads_pages else None,
                on_standing=node.nodes.note,
            ),
        )


def _chunks(
    site: Site, store: StoreParts, *, memory: MemoryParts, pool: PoolParts, node: NodeParts, progress: ProgressParts
) -> ChunkRunner:
    policy = configs.retry_policy(site.settings)
    handlers = progress.handlers
    params = ChunkParamsMaker(configs.chunk_rules(site.settings), engines=site.engines, sizes=BatchSizes())
    errors = TaskErrorHandler(
        policy,
        engines=site.engines,
        queue=store.queue,
        pages=store.pages,
        store=store.tasks,
        memory=memory.guard,
        handlers=handlers,
        params=params,
        nodes=node.nodes,
        on_oom=oom_alerts(configs.webhook_config(site.settings), outbox=store.outbox, clock=site.clock),
    )
    config = configs.chunk_config(site.settings, site.owner)
    return ChunkRunner(
        config,
        params=params,
        pages=store.pages,
        overdue=store.overdue,
        pool=pool.pool,
        errors=errors,
        handlers=handlers,
        faults=FaultCounter(policy, store=store.tasks, handlers=handlers, clock=site.clock),
        way=GivingWay(queue=store.queue, store=store.tasks, handlers=handlers),
        passwords=progress.passwords,
        second=SecondReader(engines=site.engines, pool=pool.pool, wait=config.acquire_wait),
    )
