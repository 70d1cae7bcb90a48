"""Wires the tasks' duties, which run regularly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from pagemill import configs
from pagemill.app.memory_parts import MemoryParts
from pagemill.app.node_parts import NodeParts
from pagemill.app.pool_parts import PoolParts
from pagemill.app.progress_parts import ProgressParts
from pagemill.app.services import Runnable
from pagemill.app.site import Site
from pagemill.app.work_parts import WorkParts
from pagemill.store.parts import StoreParts
from pagemill.store.presence import SqlNodeLocks
from pagemill.tasks.duties.expiry import Expiry
from pagemill.tasks.duties.learning import LearningConfig, LearningKeeper
from pagemill.tasks.duties.peer_watch import PeerWatch
from pagemill.tasks.duties.pruning import Pruning
from pagemill.tasks.duties.rescuer import Rescuer
from pagemill.tasks.duties.sampler import SamplerConfig, TaskSampler
from pagemill.tasks.duties.watchdog import Watchdog
from pagemill.tasks.duties.webhook_setup import make_courier
from pagemill.web.uploads import remove_abandoned


@dataclass(frozen=True)
class DutyParts:
    """The duties.

    Attributes:
        learning: Keep learned state; they start before any work.
        upkeep: All others, in the order in which they start; the settings decide which.
    """

    learning: Sequence[LearningKeeper]
    upkeep: Sequence[Runnable]

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
        work: WorkParts,
    ) -> Self:
        """Wire them.

        Raises:
            InvalidSettings: As `make_courier`.
        """
        courier = make_courier(configs.webhook_config(site.settings), outbox=store.outbox, clock=site.clock)
        sampler = TaskSampler(
            SamplerConfig(), samples=store.samples, pool=pool.pool, handlers=progress.handlers, clock=site.clock
        )
        reads = site.role.reads_pages
        estimates, times = (LearningConfig(name, saves=reads) for name in ("memory estimates", "load times"))
        return cls(
            learning=(
                LearningKeeper(estimates, learner=memory.estimator, state=store.learned),
                LearningKeeper(times, learner=pool.load_times, state=store.learned),
            ),
            upkeep=(
                _rescuer(site, store, work),
                _expiry(site, store, node=node, progress=progress, work=work),
                *([_watchdog(site, store, progress=progress, work=work)] if reads else []),
                _pruning(site, store),
                *([_peer_watch(site, store, node=node, work=work)] if reads and not site.is_alone else []),
                *([sampler] if reads and site.settings.tasks.enable_resource_tracking else []),
                *([courier] if courier is not None else []),
            ),
        )


def _rescuer(site: Site, store: StoreParts, work: WorkParts) -> Rescuer:
    return Rescuer(
        configs.rescuer_config(site.settings, site.owner),
        pages=store.pages,
        cleaner=work.cleaner,
        dispatcher=work.dispatcher,
    )


def _expiry(site: Site, store: StoreParts, *, node: NodeParts, progress: ProgressParts, work: WorkParts) -> Expiry:
    return Expiry(
        configs.expiry_config(site.settings),
        overdue=store.overdue,
        dispatcher=work.dispatcher,
        nodes=node.nodes,
        watch=progress.watch,
        clock=site.clock,
    )


def _peer_watch(site: Site, store: StoreParts, *, node: NodeParts, work: WorkParts) -> PeerWatch:
    return PeerWatch(
        configs.peer_watch_config(site.settings),
        nodes=node.nodes,
        table=store.nodes,
        locks=SqlNodeLocks(site.database_url),
        pages=store.pages,
        dispatcher=work.dispatcher,
    )


def _watchdog(site: Site, store: StoreParts, *, progress: ProgressParts, work: WorkParts) -> Watchdog:
    return Watchdog(
        configs.watchdog_config(site.settings),
        overdue=store.overdue,
        dispatcher=work.dispatcher,
        tally=progress.handlers.tally,
        watch=progress.watch,
        clock=site.clock,
    )


def _pruning(site: Site, store: StoreParts) -> Pruning:
    return Pruning(
        configs.pruning_config(site.settings),
        store=store.tasks,
        retention=store.retention,
        audit=store.audit,
        now=site.file_time,
        remove_parts=lambda: remove_abandoned(site.uploads, now=site.file_time()),
    )
