"""The one place where concrete parts are wired, started in order and stopped in the reverse order."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI

from pagemill import configs
from pagemill.documents.writers import ResultWriters
from pagemill.documents.writers.json_schema import result_schema_text
from pagemill.domain.clocks import SteadyClock, SystemClock
from pagemill.domain.durable import make_folder
from pagemill.domain.errors import DatabaseUnavailable
from pagemill.domain.task.task import Task, TaskCreateRequest, TaskOptions
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.engines.allocator import allocator_trim
from pagemill.engines.registry import structure_missing, structure_spec
from pagemill.memory.estimator import LearningEstimator, seeds_of
from pagemill.memory.guard import MemoryGuard
from pagemill.memory.probes.machine import MachineProbe
from pagemill.pool.drawing import PooledPageDrawer
from pagemill.pool.exporting import PooledPdfMaker
from pagemill.pool.inspection import PooledInspector
from pagemill.pool.load_times import LoadTimes
from pagemill.pool.model_manager import ModelManager
from pagemill.pool.placement import LocalPlacement
from pagemill.pool.service_pool import OCRServicePool
from pagemill.settings import Settings
from pagemill.store import migrate
from pagemill.store.database import Database
from pagemill.store.document_copies import keep_copy
from pagemill.store.folder_lock import locked_folder
from pagemill.store.notifications import Notifications
from pagemill.store.parts import StoreParts
from pagemill.tasks.batch_manager import DocumentBatchManager
from pagemill.tasks.duties.expiry import Expiry
from pagemill.tasks.duties.learning import LearningKeeper
from pagemill.tasks.duties.pruning import Pruning
from pagemill.tasks.duties.rescuer import Rescuer
from pagemill.tasks.duties.sampler import TaskSampler
from pagemill.tasks.duties.watchdog import Watchdog
from pagemill.tasks.duties.webhook_setup import make_courier, oom_alerts
from pagemill.tasks.engine_reader import EngineReader
from pagemill.tasks.manager import TaskManager, TaskManagerConfig
from pagemill.tasks.progress.event_feed import EventFeed
from pagemill.tasks.progress.event_handlers import TaskEventHandlers
from pagemill.tasks.progress.task_watch import TaskWatch
from pagemill.tasks.results.page_views import PageViews
from pagemill.tasks.results.result_files import ResultFiles
from pagemill.tasks.status_reader import StatusReader
from pagemill.tasks.task_reader import TaskReader
from pagemill.tasks.work.batch_sizes import BatchSizes
from pagemill.tasks.work.chunk_params import ChunkParamsMaker
from pagemill.tasks.work.chunks import ChunkRunner
from pagemill.tasks.work.cleanup import TaskCleaner, remove_half_made
from pagemill.tasks.work.dispatcher import Dispatcher
from pagemill.tasks.work.error_handler import TaskErrorHandler
from pagemill.tasks.work.faults import FaultCounter
from pagemill.tasks.work.finisher import TaskFinisher
from pagemill.tasks.work.giving_way import GivingWay
from pagemill.tasks.work.memory_warnings import MemoryWarnings
from pagemill.tasks.work.wakeups import TaskWakeups
from pagemill.web.api import create_api
from pagemill.web.uploads import remove_abandoned

logger = logging.getLogger(__name__)

OTHERS_GRACE = timedelta(seconds=30)
"""How long another server has for what it began, before it is done here."""


class Application:
    """The service without its HTTP side: everything that reads documents.

    Args:
        settings: All settings.
        engines: The engines that may be asked for, by name; None for those that come with Pagemill.
        machine: What measures memory; None for the probes of this machine.

    Attributes:
        manager: What may be done to tasks.
        reader: What may be known of them.
        batches: What may be done to documents that are sent together.
        feed: What may be told of them as it happens.
        views: What single pages read as and look like.
        files: Results that are made as a whole.
        engines: The engines that may be asked for, by name.
        engine_reader: What may be known of them.
        writers: Forms of results.
        pool: Services and the models behind them.
        guard: How much memory is left.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        engines: Mapping[str, EngineSpec] | None = None,
        machine: MachineProbe | None = None,
    ) -> None:
        self.settings = settings
        self.writers = ResultWriters()
        clock = SteadyClock(SystemClock())
        specs = configs.engines(settings) if engines is None else engines
        machine = machine or MachineProbe.of_this_machine()
        devices = [reading.device for reading in machine.read()]
        services = configs.services_by_device(settings, devices)
        pool_config = configs.pool_config(settings, services)

        self._database = Database(settings.resolved_database_url)
        self._owner = configs.owner(settings)
        store = StoreParts(self._database, clock, queue=configs.queue_config(settings))

        self.guard = MemoryGuard(
            configs.guard_config(settings),
            machine=machine,
            clock=clock,
            on_level=lambda change: self._warnings.on_level(change),
        )
        structure = structure_spec()
        estimator = LearningEstimator(seeds_of(specs.values(), structure=structure))
        load_times = LoadTimes()
        self._learning = (
            LearningKeeper("memory estimates", learner=estimator, state=store.learned),
            LearningKeeper("load times", learner=load_times, state=store.learned),
        )
        self._models = ModelManager(
            specs,
            configs.model_manager_config(
                settings, services, structure, gpu_uuids={gpu.device: gpu.uuid for gpu in machine.gpus.gpus}
            ),
            placement=LocalPlacement(),
            admission=self.guard,
            estimator=estimator,
            clock=clock,
            probe=machine,
            at_rest=self._give_back_memory,
            gpu_bytes=machine.gpu_bytes,
            load_times=load_times,
        )
        self.pool = OCRServicePool(pool_config, specs, self._models)

        self._watch = TaskWatch(store.tasks)
        handlers = TaskEventHandlers(
            resources=store.resources, pages=store.pages, events=store.events, watch=self._watch
        )
        webhooks = configs.webhook_config(settings)
        self._courier = make_courier(webhooks, outbox=store.outbox, clock=clock)
        params = ChunkParamsMaker(configs.chunk_rules(settings), engines=specs, sizes=BatchSizes())
        errors = TaskErrorHandler(
            configs.retry_policy(settings),
            engines=specs,
            queue=store.queue,
            pages=store.pages,
            store=store.tasks,
            memory=self.guard,
            handlers=handlers,
            params=params,
            on_oom=oom_alerts(webhooks, outbox=store.outbox, clock=clock),
        )
        chunks = ChunkRunner(
            configs.chunk_config(settings, self._owner),
            params=params,
            pages=store.pages,
            overdue=store.overdue,
            pool=self.pool,
            errors=errors,
            handlers=handlers,
            faults=FaultCounter(configs.retry_policy(settings), store=store.tasks, handlers=handlers, clock=clock),
            way=GivingWay(queue=store.queue, store=store.tasks, handlers=handlers),
        )
        cleaner = TaskCleaner(
            store=store.tasks,
            handlers=handlers,
            watch=self._watch,
            work_dir=settings.data_dir / "work",
            limit=timedelta(seconds=settings.tasks.cleanup_timeout_seconds),
        )
        self._follower = TaskFinisher(store=store.tasks, watch=self._watch, cleaner=cleaner)
        self._dispatcher = Dispatcher(
            configs.dispatcher_config(settings, services),
            queue=store.queue,
            pages=store.pages,
            overdue=store.overdue,
            memory=self.guard,
            chunks=chunks,
            follower=self._follower,
        )
        hearing = TaskWakeups(watch=self._watch, dispatcher=self._dispatcher)
        self._notifications = Notifications(
            settings.resolved_database_url, on_event=hearing.on_event, on_connected=hearing.on_connected
        )
        self._rescuer = Rescuer(
            pages=store.pages,
            cleaner=cleaner,
            dispatcher=self._dispatcher,
            grace=timedelta(0) if self._is_alone else OTHERS_GRACE,
        )
        self._expiry = Expiry(
            overdue=store.overdue,
            dispatcher=self._dispatcher,
            watch=self._watch,
            clock=clock,
            queue_timeout=timedelta(seconds=settings.tasks.queue_timeout_seconds),
        )
        self._watchdog = Watchdog(
            configs.watchdog_config(settings),
            overdue=store.overdue,
            dispatcher=self._dispatcher,
            tally=handlers.tally,
            watch=self._watch,
            clock=clock,
        )
        self._pruning = Pruning(
            configs.pruning_config(settings),
            store=store.tasks,
            retention=store.retention,
            now=lambda: min(clock.now(), SystemClock().now()),
            remove_parts=lambda: remove_abandoned(self.uploads, now=min(clock.now(), SystemClock().now())),
        )
        self.manager = TaskManager(
            TaskManagerConfig(
                max_pages=settings.documents.max_pages,
                sends_webhooks=settings.webhooks.secret is not None,
                allow_private_webhooks=settings.webhooks.allow_private,
                no_structure=structure_missing(structure),
            ),
            engines=specs,
            inspector=PooledInspector(pool_config, self.pool),
            estimator=estimator,
            memory=self.guard,
            queue=store.queue,
            store=store.tasks,
            pages=store.pages,
            submissions=store.submissions,
            handlers=handlers,
            dispatcher=self._dispatcher,
            watch=self._watch,
            clock=clock,
        )
        self._warnings = MemoryWarnings(pool=self.pool, handlers=handlers)
        self._sampler = TaskSampler(samples=store.samples, pool=self.pool, handlers=handlers, clock=clock)
        self.reader = TaskReader(
            store=store.tasks,
            results=store.tasks,
            events=store.events,
            samples=store.samples,
            status=StatusReader(
                statistics=store.queue,
                pool=self.pool,
                memory=self.guard,
                tally=handlers.tally,
                server_bytes=machine.own_bytes,
                drifts=estimator.drifts,
            ),
            pool=self.pool,
            memory=self.guard,
            handlers=handlers,
            watch=self._watch,
            clock=clock,
        )

        self.batches = DocumentBatchManager(
            manager=self.manager,
            batches=store.batches,
            store=store.tasks,
            notices=store.notices,
            watch=self._watch,
            clock=clock,
            most=settings.tasks.max_queue_size,
        )
        self.engines = specs
        self.engine_reader = EngineReader(
            specs, estimator=estimator, memory=estimator, loads=load_times, devices=self.guard, pool=self.pool
        )
        self.views = PageViews(
            store=store.tasks,
            results=store.results,
            drawer=PooledPageDrawer(self.pool, wait=pool_config.inspect_wait, limit=pool_config.inspect_limit),
            work_dir=settings.data_dir.resolve() / "work",
        )
        self.files = ResultFiles(
            store=store.tasks,
            results=store.tasks,
            writers=self.writers,
            pdfs=PooledPdfMaker(self.pool, wait=pool_config.inspect_wait),
            work_dir=settings.data_dir.resolve() / "work",
        )
        self.feed = EventFeed(
            store=store.tasks, events=store.events, notices=store.notices, watch=self._watch, clock=clock
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start every part in order; at the end stop them in the reverse order, giving unfinished pages back."""
        async with AsyncExitStack() as stack:
            stack.enter_context(locked_folder(self.settings.data_dir.resolve(), shared=not self._is_alone))
            await asyncio.to_thread(migrate.upgrade, self.settings.resolved_database_url)
            make_folder(self.uploads)
            if self._is_alone:
                await asyncio.to_thread(self._remove_leftovers)
            await self._database.start()
            stack.push_async_callback(self._database.stop)
            for keeper in self._learning:
                await keeper.start()
                stack.push_async_callback(keeper.stop)
            stack.push_async_callback(self._warnings.stop)
            await self.guard.start(self._models)
            stack.push_async_callback(self.guard.stop)
            self.pool.start()
            stack.push_async_callback(self.pool.stop)
            if self._is_alone:
                await self._follower.start()
            stack.push_async_callback(self._follower.stop)
            await self._rescuer.start(dead_owner=self._owner)
            stack.push_async_callback(self._rescuer.stop)
            self._expiry.start()
            stack.push_async_callback(self._expiry.stop)
            self._watchdog.start()
            stack.push_async_callback(self._watchdog.stop)
            self._pruning.start()
            stack.push_async_callback(self._pruning.stop)
            if self.settings.tasks.enable_resource_tracking:
                await self._sampler.start()
                stack.push_async_callback(self._sampler.stop)
            if self._courier is not None:
                await self._courier.start()
                stack.push_async_callback(self._courier.stop)
            self._dispatcher.start()
            stack.push_async_callback(self._dispatcher.stop)
            self._notifications.start()
            stack.push_async_callback(self._notifications.stop)
            stack.callback(self.answer_waiting)
            logger.info("Pagemill is ready; its data is in %s", self.settings.data_dir.resolve())
            yield

    async def recall(self) -> None:
        """Take up what was learned, without running; where there is no database yet, nothing was."""
        url = self.settings.resolved_database_url
        if self._is_alone and not await asyncio.to_thread(Path(url.partition("///")[2]).is_file):
            return
        if (reason := await asyncio.to_thread(migrate.why_unusable, url)) is not None:
            logger.warning("What was learned cannot be looked up: %s", reason)
            return
        await self._database.start()
        try:
            for keeper in self._learning:
                await keeper.recall()
        except DatabaseUnavailable as error:
            logger.warning("What was learned cannot be looked up: %s", error.message)
        finally:
            await self._database.stop()

    async def give_back_pages(self) -> None:
        """Start no more work and give unfinished pages back, at once; for a server that is about to stop."""
        await self._dispatcher.stop()

    def answer_waiting(self) -> None:
        """Let those who wait for a task know how it stands; for a server that takes no more requests."""
        self._watch.close()

    def _remove_leftovers(self) -> None:
        """What a server before us left half received or half made; beside other servers it goes once it is old."""
        remove_abandoned(self.uploads, now=SystemClock().now(), older_than=-timedelta(days=1))
        remove_half_made(self.settings.data_dir.resolve() / "work")

    async def _give_back_memory(self) -> None:
        """No model is loaded: this process, too, shrinks to what it needs by itself."""
        await self._database.give_back_memory()
        await asyncio.to_thread(allocator_trim())

    @property
    def _is_alone(self) -> bool:
        """Whether no other server can be at the same tasks."""
        return self.settings.resolved_database_url.startswith("sqlite")

    @property
    def uploads(self) -> Path:
        """Where documents are kept."""
        return self.settings.data_dir.resolve() / "uploads"

    async def submit_file(self, file: Path, options: TaskOptions) -> Task:
        """Make a task of a file on this machine; the file is copied and stays as it is. Errors: `create_task`."""
        document = await asyncio.to_thread(keep_copy, file, self.uploads)
        try:
            return await self.manager.create_task(TaskCreateRequest(document, options))
        except BaseException:
            await asyncio.to_thread(Path(document.path).unlink, missing_ok=True)
            raise

    async def check_database(self) -> None:
        """Raise where the database cannot be used now."""
        await self.reader.metrics()


def http_api(application: Application) -> FastAPI:
    """The HTTP side of an application that is `running`."""
    settings = application.settings
    return create_api(
        application.manager,
        application.reader,
        batches=application.batches,
        following=application.feed,
        views=application.views,
        files=application.files,
        engines=application.engine_reader,
        writers=application.writers,
        config=configs.web_config(settings, uploads=application.uploads, engines=application.engines),
        checks={"database": application.check_database},
        schemas={"result": result_schema_text()},
    )
