"""The service without its HTTP side: joins its rooms, starts them in order and stops them in the reverse order."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

from pagemill import configs
from pagemill.app.duty_parts import DutyParts
from pagemill.app.front_parts import FrontParts
from pagemill.app.memory_parts import MemoryParts
from pagemill.app.node_parts import NodeParts
from pagemill.app.pool_parts import PoolParts
from pagemill.app.progress_parts import ProgressParts
from pagemill.app.services import Runnable, run_services
from pagemill.app.site import Role, Site
from pagemill.app.work_parts import WorkParts
from pagemill.domain.clocks import SystemClock
from pagemill.domain.durable import make_folder
from pagemill.domain.errors import DatabaseUnavailable
from pagemill.domain.task.task import Task, TaskCreateRequest, TaskOptions
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.engines.allocator import allocator_trim
from pagemill.engines.registry import structure_missing
from pagemill.memory.probes.machine import MachineProbe
from pagemill.pool.sandbox.kernel import shortcomings
from pagemill.settings import Settings
from pagemill.store import migrate
from pagemill.store.database import Database
from pagemill.store.document_copies import keep_copy
from pagemill.store.folder_lock import locked_folder
from pagemill.store.machine_lock import locked_machine
from pagemill.store.parts import StoreParts
from pagemill.tasks.work.cleanup import remove_half_made
from pagemill.web.uploads import remove_abandoned

logger = logging.getLogger(__name__)


class Application:
    """Everything that reads documents.

    Args:
        settings: All settings.
        engines: The available engines, by name; None for those that come with Pagemill.
        machine: Measures memory; None for the probes of this machine.
        role: Whether it takes requests, reads pages, or both.

    Attributes:
        manager: Commands on tasks.
        reader: Queries about tasks.
        batches: Commands on batches.
        feed: Live events of tasks.
        views: Text and pictures of single pages.
        files: Results as whole files.
        engines: The available engines, by name.
        engine_reader: Reports on engines.
        writers: Formats of results.
        access: Keys, owners and the audit log.
        pool: Services and their models.
        guard: Reserves memory and watches workers.
        services: All running parts, in the order in which they start.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        engines: Mapping[str, EngineSpec] | None = None,
        machine: MachineProbe | None = None,
        role: Role = Role.SERVER,
    ) -> None:
        self.settings = settings
        self._site = site = Site.of(settings, engines, role=role)
        self._database = Database(site.database_url)
        store = StoreParts(self._database, site.clock, queue=configs.queue_config(settings))
        memory = MemoryParts.of(site, machine)
        pool = PoolParts.of(site, memory, at_rest=self._give_back_memory)
        self._progress = ProgressParts.of(store, owner=site.owner)
        node = NodeParts.of(site, store, memory=memory, pool=pool)
        self._work = WorkParts.of(site, store, memory=memory, pool=pool, node=node, progress=self._progress)
        self._duties = DutyParts.of(
            site, store, memory=memory, pool=pool, node=node, progress=self._progress, work=self._work
        )
        front = FrontParts.of(
            site, store, memory=memory, pool=pool, node=node, progress=self._progress, work=self._work
        )

        self.manager = front.manager
        self.reader = front.reader
        self.batches = front.batches
        self.feed = front.feed
        self.views = front.views
        self.files = front.files
        self.engines = node.engines
        self.engine_reader = front.engine_reader
        self.writers = front.writers
        self.access = front.access
        self.pool = pool.pool
        self.guard = memory.guard
        self.services: Sequence[Runnable] = (
            self._database,
            *self._duties.learning,
            node.heartbeat,
            self._work.warnings,
            self.guard,
            self.pool,
            self._work.follower,
            *self._duties.upkeep,
            self._work.notifications,
            *([self._work.dispatcher] if role.reads_pages else []),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start every part in order; at the end, return unfinished pages and stop the parts in the reverse order."""
        async with AsyncExitStack() as stack:
            stack.enter_context(locked_folder(self._site.data_dir, shared=not self._site.is_alone))
            if self._site.role.reads_pages and not self._site.is_alone:
                machine = configs.machine_id(self.settings)
                stack.enter_context(locked_machine(self._site.database_url, machine))
            await asyncio.to_thread(migrate.upgrade, self._site.database_url)
            make_folder(self.uploads)
            if self._site.is_alone:
                await asyncio.to_thread(self._remove_leftovers)
            await stack.enter_async_context(run_services(self.services))
            stack.callback(self.answer_waiting)
            for shortcoming in shortcomings(is_on=self.settings.pool.sandbox):
                logger.warning(shortcoming)
            logger.info("Pagemill is ready; its data is in %s", self._site.data_dir)
            yield

    async def recall(self) -> None:
        """Load learned state without running the service; do nothing if no usable database exists."""
        url = self._site.database_url
        if self._site.is_alone and not await asyncio.to_thread(Path(url.partition("///")[2]).is_file):
            return
        if (reason := await asyncio.to_thread(migrate.why_unusable, url)) is not None:
            logger.warning("Pagemill cannot load what it learned about memory: %s", reason)
            return
        await self._database.start()
        try:
            for keeper in self._duties.learning:
                await keeper.recall()
        except DatabaseUnavailable as error:
            logger.warning("Pagemill cannot load what it learned about memory: %s", error.message)
        finally:
            await self._database.stop()

    async def give_back_pages(self) -> None:
        """Start no more work, and return unfinished pages at once; for a server that is about to stop."""
        await self._work.dispatcher.stop()

    def answer_waiting(self) -> None:
        """Answer those who wait for a task with its present state; for a server that takes no more requests."""
        self._progress.watch.close()

    @property
    def has_structure(self) -> bool:
        """Whether layout and tables can be found here."""
        return structure_missing(self._site.structure) is None

    @property
    def uploads(self) -> Path:
        """The folder of documents."""
        return self._site.uploads

    async def submit_file(self, file: Path, options: TaskOptions, *, password: str | None = None) -> Task:
        """Make a task from a copy of a file on this machine.

        Raises:
            OSError: The file cannot be read, or the disk is full.
            PagemillError: As `TaskManager.create_task`.
        """
        document = await asyncio.to_thread(keep_copy, file, self.uploads)
        try:
            return await self.manager.create_task(TaskCreateRequest(document, options, password=password))
        except BaseException:
            await asyncio.to_thread(Path(document.path).unlink, missing_ok=True)
            raise

    async def check_database(self) -> None:
        """Check that the database answers.

        Raises:
            DatabaseUnavailable: It does not.
        """
        await self.reader.metrics()

    def _remove_leftovers(self) -> None:
        """Delete what an earlier server left incomplete, whatever its age; only for a server that is alone."""
        remove_abandoned(self.uploads, now=SystemClock().now(), older_than=-timedelta(days=1))
        remove_half_made(self._site.work_dir)

    async def _give_back_memory(self) -> None:
        """Return memory of this process, because no model is loaded any more."""
        await self._database.give_back_memory()
        await asyncio.to_thread(allocator_trim())
