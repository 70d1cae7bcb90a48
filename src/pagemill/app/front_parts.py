"""Wires the tasks' front: commands, queries and results."""

from dataclasses import dataclass
from typing import Self

from pagemill import configs
from pagemill.app.memory_parts import MemoryParts
from pagemill.app.node_parts import NodeParts
from pagemill.app.pool_parts import PoolParts
from pagemill.app.progress_parts import ProgressParts
from pagemill.app.site import Site
from pagemill.app.work_parts import WorkParts
from pagemill.documents.writers import ResultWriters
from pagemill.engines.registry import structure_missing
from pagemill.store.parts import StoreParts
from pagemill.tasks.access import Access
from pagemill.tasks.access.ownership import Ownership
from pagemill.tasks.batch_manager import DocumentBatchManager
from pagemill.tasks.engine_reader import EngineReader
from pagemill.tasks.manager import TaskManager, TaskManagerConfig
from pagemill.tasks.progress.event_feed import EventFeed
from pagemill.tasks.results.page_views import PageViews
from pagemill.tasks.results.result_files import ResultFiles
from pagemill.tasks.status_reader import StatusReader
from pagemill.tasks.task_reader import TaskReader


@dataclass(frozen=True)
class FrontParts:
    """The parts for the HTTP side, the command line and the library.

    Attributes:
        manager: Commands on tasks.
        batches: Commands on batches.
        reader: Queries about tasks.
        engine_reader: Reports on engines.
        views: Text and pictures of single pages.
        files: Results as whole files.
        feed: Live events of tasks.
        writers: Formats of results.
        access: Keys, owners and the audit log.
    """

    manager: TaskManager
    batches: DocumentBatchManager
    reader: TaskReader
    engine_reader: EngineReader
    views: PageViews
    files: ResultFiles
    feed: EventFeed
    writers: ResultWriters
    access: Access

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
        """Wire them."""
        writers = ResultWriters()
        manager = _manager(site, store, memory=memory, pool=pool, node=node, progress=progress, work=work)
        return cls(
            manager=manager,
            batches=_batches(site, store, progress=progress, manager=manager),
            reader=_reader(site, store, memory=memory, pool=pool, node=node, progress=progress),
            engine_reader=EngineReader(
                node.engines,
                estimator=memory.estimator,
                memory=memory.estimator,
                loads=pool.load_times,
                devices=memory.guard,
                pool=pool.pool,
            ),
            views=PageViews(
                store=store.tasks,
                results=store.results,
                drawer=pool.drawer,
                work_dir=site.work_dir,
                passwords=progress.passwords,
            ),
            files=ResultFiles(
                store=store.tasks,
                results=store.tasks,
                writers=writers,
                pdfs=pool.pdfs,
                work_dir=site.work_dir,
                passwords=progress.passwords,
            ),
            feed=EventFeed(
                store=store.tasks, events=store.events, notices=store.notices, watch=progress.watch, clock=site.clock
            ),
            writers=writers,
            access=Access(store.keys, Ownership(store.tasks, store.batches), store.audit, site.clock),
        )


def _manager(
    site: Site,
    store: StoreParts,
    *,
    memory: MemoryParts,
    pool: PoolParts,
    node: NodeParts,
    progress: ProgressParts,
    work: WorkParts,
) -> TaskManager:
    settings = site.settings
    config = TaskManagerConfig(
        max_pages=settings.documents.max_pages,
        sends_webhooks=settings.webhooks.secret is not None,
        outgoing=configs.outgoing_rules(settings),
        no_structure=structure_missing(site.structure),
        keeps_passwords=site.role.reads_pages,
    )
    return TaskManager(
        config,
        engines=node.engines,
        inspector=pool.inspector,
        estimator=memory.estimator,
        memory=memory.guard,
        queue=store.queue,
        store=store.tasks,
        pages=store.pages,
        submissions=store.submissions,
        handlers=progress.handlers,
        dispatcher=work.dispatcher,
        watch=progress.watch,
        clock=site.clock,
        passwords=progress.passwords,
        nodes=node.nodes,
        work_dir=site.work_dir,
    )


def _batches(site: Site, store: StoreParts, *, progress: ProgressParts, manager: TaskManager) -> DocumentBatchManager:
    return DocumentBatchManager(
        manager=manager,
        batches=store.batches,
        store=store.tasks,
        notices=store.notices,
        watch=progress.watch,
        clock=site.clock,
        most=site.settings.tasks.max_queue_size,
    )


def _reader(
    site: Site, store: StoreParts, *, memory: MemoryParts, pool: PoolParts, node: NodeParts, progress: ProgressParts
) -> TaskReader:
    status = StatusReader(
        statistics=store.queue,
        pool=pool.pool,
        memory=memory.guard,
        tally=progress.handlers.tally,
        server_bytes=memory.machine.own_bytes,
        drifts=memory.estimator.drifts,
        nodes=node.nodes.report,
    )
    return TaskReader(
        store=store.tasks,
        results=store.tasks,
        events=store.events,
        samples=store.samples,
        status=status,
        pool=pool.pool,
        memory=memory.guard,
        handlers=progress.handlers,
        watch=progress.watch,
        clock=site.clock,
    )
