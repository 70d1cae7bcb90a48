"""The one place where concrete parts are wired, started in order and stopped in the reverse order."""

import asyncio
import hashlib
import logging
import os
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI

from pagemill.documents.writers import ResultWriters
from pagemill.domain.clock import SteadyClock, SystemClock
from pagemill.domain.engines import EngineSpec
from pagemill.domain.memory import CPU, MIB, DeviceId
from pagemill.domain.tasks import RetryPolicy, StoredDocument, Task, TaskCreateRequest, TaskOptions
from pagemill.engines.registry import engine_specs
from pagemill.memory.estimator import LearningEstimator, seeds_of
from pagemill.memory.guard import GuardConfig, MemoryGuard
from pagemill.memory.levels import Levels
from pagemill.memory.probes.machine import MachineProbe
from pagemill.memory.watch import WatchRules
from pagemill.pool.config import ModelManagerConfig, PoolConfig, WorkerConfig
from pagemill.pool.drawing import PooledPageDrawer
from pagemill.pool.inspection import PooledInspector
from pagemill.pool.model_manager import ModelManager
from pagemill.pool.placement import LocalPlacement
from pagemill.pool.service_pool import OCRServicePool
from pagemill.settings import Settings
from pagemill.store import migrate
from pagemill.store.database import Database
from pagemill.store.event_log import SqlEventLog
from pagemill.store.folder_lock import locked_folder
from pagemill.store.idempotency import SqlSubmissions
from pagemill.store.learned_state import SqlLearnedState
from pagemill.store.notices import SqlTaskNotices
from pagemill.store.notifications import Notifications
from pagemill.store.outbox import SqlOutbox
from pagemill.store.overdue import SqlOverdueTasks
from pagemill.store.page_queue import SqlPageQueue
from pagemill.store.page_results import SqlPageResults
from pagemill.store.retention import SqlRetention
from pagemill.store.samples import SqlTaskSamples
from pagemill.store.task_queue import QueueConfig, SqlTaskQueue
from pagemill.store.task_store import SqlTaskStore
from pagemill.tasks.batch_params import BatchParamsMaker, BatchRules
from pagemill.tasks.batch_sizes import BatchSizes
from pagemill.tasks.batches import BatchConfig, BatchRunner
from pagemill.tasks.cleanup import TaskCleaner
from pagemill.tasks.dispatcher import Dispatcher, DispatcherConfig
from pagemill.tasks.error_handler import TaskErrorHandler
from pagemill.tasks.expiry import Expiry
from pagemill.tasks.feed import TaskFeed
from pagemill.tasks.following import TaskFollower
from pagemill.tasks.handlers import TaskEventHandlers
from pagemill.tasks.hearing import TaskHearing
from pagemill.tasks.learning import LearningKeeper
from pagemill.tasks.manager import TaskManager, TaskManagerConfig
from pagemill.tasks.memory_warnings import MemoryWarnings
from pagemill.tasks.page_views import PageViews
from pagemill.tasks.plan import READER_LANE, BatchLimits
from pagemill.tasks.pruning import Pruning, PruningConfig
from pagemill.tasks.reads import TaskReader
from pagemill.tasks.rescuer import Rescuer
from pagemill.tasks.sampler import TaskSampler
from pagemill.tasks.status import StatusReader
from pagemill.tasks.watch import TaskWatch
from pagemill.tasks.webhook_setup import WebhookConfig, make_courier, oom_alerts
from pagemill.web.api import create_api
from pagemill.web.config import WebConfig
from pagemill.web.uploads import remove_abandoned

logger = logging.getLogger(__name__)

LOCAL_OWNER = "local"
OTHERS_GRACE = timedelta(seconds=30)
"""How long another server has for what it began, before it is done here."""
MOST_AUTOMATIC_THREADS = 4


class Application:
    """The service without its HTTP side: everything that reads documents.

    Args:
        settings: All settings.
        engines: The engines that may be asked for, by name; None for those that come with Pagemill.
        machine: What measures memory; None for the probes of this machine.

    Attributes:
        manager: What may be done to tasks.
        reader: What may be known of them.
        feed: What may be told of them as it happens.
        views: What single pages read as and look like.
        engines: The engines that may be asked for, by name.
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
        specs = engine_specs() if engines is None else engines
        machine = machine or MachineProbe.of_this_machine()
        devices = [reading.device for reading in machine.read()]
        services = _services_by_device(settings, devices)
        pool_config = _pool_config(settings, services)

        self._database = Database(settings.resolved_database_url)
        self._owner = _owner(settings)
        queue = SqlTaskQueue(self._database, clock, config=_queue_config(settings))
        store = SqlTaskStore(self._database, clock)
        pages = SqlPageQueue(self._database, clock)
        events = SqlEventLog(self._database, clock)

        self.guard = MemoryGuard(
            _guard_config(settings),
            machine=machine,
            clock=clock,
            on_level=lambda change: self._warnings.on_level(change),
        )
        estimator = LearningEstimator(seeds_of(specs.values()))
        self._learning = LearningKeeper(
            "memory estimates", learner=estimator, state=SqlLearnedState(self._database, clock)
        )
        self._models = ModelManager(
            specs,
            _model_manager_config(settings, services),
            placement=LocalPlacement(),
            admission=self.guard,
            estimator=estimator,
            clock=clock,
            probe=machine,
        )
        self.pool = OCRServicePool(pool_config, specs, self._models)

        self._watch = TaskWatch(store)
        handlers = TaskEventHandlers(store=store, pages=pages, events=events, watch=self._watch)
        outbox = SqlOutbox(self._database, clock)
        webhooks = _webhook_config(settings)
        self._courier = make_courier(webhooks, outbox=outbox, clock=clock)
        errors = TaskErrorHandler(
            _retry_policy(settings),
            engines=specs,
            pages=pages,
            store=store,
            memory=self.guard,
            handlers=handlers,
            on_oom=oom_alerts(webhooks, outbox=outbox, clock=clock),
        )
        params = BatchParamsMaker(_batch_rules(settings), engines=specs, sizes=BatchSizes())
        batches = BatchRunner(
            _batch_config(settings, self._owner),
            params=params,
            pages=pages,
            pool=self.pool,
            errors=errors,
            handlers=handlers,
        )
        cleaner = TaskCleaner(
            store=store,
            handlers=handlers,
            watch=self._watch,
            work_dir=settings.data_dir / "work",
            limit=timedelta(seconds=settings.tasks.cleanup_timeout_seconds),
        )
        self._follower = TaskFollower(store=store, watch=self._watch, cleaner=cleaner)
        self._dispatcher = Dispatcher(
            _dispatcher_config(settings, services),
            queue=queue,
            pages=pages,
            memory=self.guard,
            batches=batches,
            follower=self._follower,
        )
        hearing = TaskHearing(watch=self._watch, dispatcher=self._dispatcher)
        self._notifications = Notifications(
            settings.resolved_database_url, on_event=hearing.on_event, on_connected=hearing.on_connected
        )
        self._rescuer = Rescuer(
            queue=queue,
            store=store,
            pages=pages,
            cleaner=cleaner,
            dispatcher=self._dispatcher,
            clock=clock,
            grace=timedelta(0) if self._is_alone else OTHERS_GRACE,
        )
        self._expiry = Expiry(
            overdue=SqlOverdueTasks(self._database, clock),
            dispatcher=self._dispatcher,
            watch=self._watch,
            clock=clock,
            queue_timeout=timedelta(seconds=settings.tasks.queue_timeout_seconds),
        )
        self._pruning = Pruning(
            _pruning_config(settings),
            store=store,
            retention=SqlRetention(self._database, clock),
            now=lambda: min(clock.now(), SystemClock().now()),
            remove_parts=lambda: remove_abandoned(self.uploads, now=min(clock.now(), SystemClock().now())),
        )
        self.manager = TaskManager(
            TaskManagerConfig(
                max_pages=settings.documents.max_pages, sends_webhooks=settings.webhooks.secret is not None
            ),
            engines=specs,
            inspector=PooledInspector(pool_config, self.pool),
            estimator=estimator,
            memory=self.guard,
            queue=queue,
            store=store,
            pages=pages,
            submissions=SqlSubmissions(self._database, clock),
            handlers=handlers,
            dispatcher=self._dispatcher,
            watch=self._watch,
            clock=clock,
        )
        self._warnings = MemoryWarnings(pool=self.pool, handlers=handlers)
        samples = SqlTaskSamples(self._database)
        self._sampler = TaskSampler(samples=samples, pool=self.pool, handlers=handlers, clock=clock)
        self.reader = TaskReader(
            store=store,
            results=store,
            events=events,
            samples=samples,
            status=StatusReader(
                statistics=queue,
                pool=self.pool,
                memory=self.guard,
                tally=handlers.tally,
                server_bytes=machine.own_bytes,
            ),
            pool=self.pool,
            memory=self.guard,
            handlers=handlers,
            watch=self._watch,
            clock=clock,
        )

        self.engines = specs
        self.views = PageViews(
            store=store,
            results=SqlPageResults(self._database),
            drawer=PooledPageDrawer(self.pool, wait=pool_config.inspect_wait, limit=pool_config.inspect_limit),
            work_dir=settings.data_dir.resolve() / "work",
        )
        self.feed = TaskFeed(
            store=store, events=events, notices=SqlTaskNotices(self._database), watch=self._watch, clock=clock
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start every part in order; at the end stop them in the reverse order, giving unfinished pages back."""
        async with AsyncExitStack() as stack:
            stack.enter_context(locked_folder(self.settings.data_dir.resolve(), shared=not self._is_alone))
            self.uploads.mkdir(exist_ok=True)
            await asyncio.to_thread(migrate.upgrade, self.settings.resolved_database_url)
            await self._database.start()
            stack.push_async_callback(self._database.stop)
            await self._learning.start()
            stack.push_async_callback(self._learning.stop)
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

    async def give_back_pages(self) -> None:
        """Start no more work and give unfinished pages back, at once; for a server that is about to stop."""
        await self._dispatcher.stop()

    def answer_waiting(self) -> None:
        """Let those who wait for a task know how it stands; for a server that takes no more requests."""
        self._watch.close()

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
        document = await asyncio.to_thread(_copy, file, self.uploads)
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
        following=application.feed,
        views=application.views,
        writers=application.writers,
        config=WebConfig(
            uploads=application.uploads,
            max_upload_bytes=settings.server.max_upload_mb * MIB,
            max_concurrent_uploads=settings.server.max_concurrent_uploads,
            max_wait=timedelta(seconds=settings.server.max_wait_seconds),
            api_keys=settings.server.api_keys,
            allowed_hosts=settings.server.allowed_hosts,
            profiles={spec.name: [profile.name for profile in spec.profiles] for spec in application.engines.values()},
            guard_percent={
                "soft": settings.memory.soft_percent,
                "hard": settings.memory.hard_percent,
                "emergency": settings.memory.emergency_percent,
            },
            idle_timeout=timedelta(seconds=settings.pool.idle_timeout_seconds),
        ),
        checks={"database": application.check_database},
    )


def _services_by_device(settings: Settings, devices: list[DeviceId]) -> Mapping[DeviceId, int]:
    wanted = settings.pool.services_per_device
    if wanted != "auto":
        return dict.fromkeys(devices, wanted)
    return {device: max(1, _cores() // _threads(settings)) if device == CPU else 1 for device in devices}


def _threads(settings: Settings) -> int:
    wanted = settings.pool.threads_per_service
    return min(MOST_AUTOMATIC_THREADS, _cores()) if wanted == "auto" else wanted


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _owner(settings: Settings) -> str:
    """How leases name this server: on SQLite there is one at a time; on PostgreSQL every server has its own name."""
    if settings.resolved_database_url.startswith("sqlite"):
        return LOCAL_OWNER
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def _queue_config(settings: Settings) -> QueueConfig:
    return QueueConfig(
        max_queue_size=settings.tasks.max_queue_size, enable_priority_queue=settings.tasks.enable_priority_queue
    )


def _guard_config(settings: Settings) -> GuardConfig:
    memory = settings.memory
    levels = Levels(soft=memory.soft_percent, hard=memory.hard_percent, emergency=memory.emergency_percent)
    caps = {CPU: memory.limit_mb * MIB} if memory.limit_mb is not None else {}
    return GuardConfig(rules=WatchRules(levels=levels), caps=caps)


def _model_manager_config(settings: Settings, services: Mapping[DeviceId, int]) -> ModelManagerConfig:
    return ModelManagerConfig(
        threads=_threads(settings),
        workers_per_key=max(services.values()),
        idle_timeout=timedelta(seconds=settings.pool.idle_timeout_seconds),
        engine_options=settings.engines,
        worker=WorkerConfig(start_limit=timedelta(seconds=settings.pool.load_timeout_seconds)),
    )


def _pool_config(settings: Settings, services: Mapping[DeviceId, int]) -> PoolConfig:
    inspection = timedelta(seconds=settings.documents.inspect_timeout_seconds)
    return PoolConfig(
        services=services,
        readers=settings.pool.readers,
        acquire_wait=timedelta(seconds=settings.pool.acquire_timeout_seconds),
        inspect_limit=inspection,
        inspect_wait=inspection,
    )


def _dispatcher_config(settings: Settings, services: Mapping[DeviceId, int]) -> DispatcherConfig:
    return DispatcherConfig(
        capacity={**{str(device): places for device, places in services.items()}, READER_LANE: settings.pool.readers},
        max_running=settings.tasks.max_running,
        limits=BatchLimits(ocr=settings.tasks.pages_per_batch),
    )


def _batch_config(settings: Settings, owner: str) -> BatchConfig:
    return BatchConfig(
        owner=owner,
        lease_for=timedelta(seconds=settings.tasks.lease_seconds),
        acquire_wait=timedelta(seconds=settings.pool.acquire_timeout_seconds),
    )


def _batch_rules(settings: Settings) -> BatchRules:
    return BatchRules(
        page_timeout=timedelta(seconds=settings.tasks.page_timeout_seconds),
        reduction=settings.tasks.retry.memory_reduction_factor,
    )


def _pruning_config(settings: Settings) -> PruningConfig:
    data = settings.data_dir.resolve()
    days = settings.tasks.retention_days
    return PruningConfig(tasks_for=timedelta(days=days), uploads=data / "uploads", work_dir=data / "work")


def _retry_policy(settings: Settings) -> RetryPolicy:
    retry = settings.tasks.retry
    return RetryPolicy(
        max_attempts=retry.max_attempts,
        backoff_multiplier=retry.backoff_multiplier,
        memory_reduction_factor=retry.memory_reduction_factor,
        first_delay=timedelta(seconds=retry.first_delay_seconds),
        max_crashes=retry.max_crashes,
    )


def _webhook_config(settings: Settings) -> WebhookConfig:
    secret = settings.webhooks.secret
    return WebhookConfig(
        secret=None if secret is None else secret.get_secret_value(),
        allow_private=settings.webhooks.allow_private,
        alert_url=settings.alerts.webhook_url,
    )


def _copy(file: Path, folder: Path) -> StoredDocument:
    kept = folder / secrets.token_hex(16)
    shutil.copyfile(file, kept)
    with kept.open("rb") as copied:
        digest = hashlib.file_digest(copied, "sha256").hexdigest()
    return StoredDocument(path=str(kept.resolve()), name=file.name, size_bytes=kept.stat().st_size, sha256=digest)
