"""Commands on tasks, for the API, the command line and the library."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pagemill.domain.documents import parse_page_range
from pagemill.domain.errors import (
    DeviceUnavailable,
    DuplicateSubmission,
    EncryptedDocument,
    IllegalTransition,
    NeverFits,
)
from pagemill.domain.outgoing import OutgoingRules
from pagemill.domain.ports import (
    Clock,
    DocumentInspector,
    MemoryAdmission,
    MemoryEstimator,
    PageQueue,
    Submissions,
    TaskQueue,
    TaskStore,
)
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.submission import Submission, check_same
from pagemill.domain.task.task import (
    NewTask,
    Task,
    TaskCreateRequest,
    TaskStartRequest,
    TaskStatus,
    check_startable,
    check_transition,
)
from pagemill.domain.task.webhooks import check_webhook
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.tasks.decisions.intake import (
    check_page_count,
    check_structure,
    choose_engine,
    first_stage,
)
from pagemill.tasks.device_choice import Place, TaskPlacer
from pagemill.tasks.ids import new_task_id
from pagemill.tasks.nodes import Nodes
from pagemill.tasks.passwords import Passwords
from pagemill.tasks.progress.event_handlers import TaskEventHandlers
from pagemill.tasks.progress.task_watch import TaskWatch
from pagemill.tasks.removal import remove_task_files
from pagemill.tasks.work.dispatcher import Dispatcher

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TaskManagerConfig:
    """What the service accepts.

    Attributes:
        max_pages: Maximum number of pages of a document.
        sends_webhooks: Whether tasks may have a webhook.
        outgoing: Addresses that webhooks may go to.
        no_structure: Why tasks cannot have structure, in one sentence; None if they can.
        keeps_passwords: Whether this server reads pages, and so can open protected documents later.
    """

    max_pages: int = 5000
    sends_webhooks: bool = False
    outgoing: OutgoingRules = field(default_factory=OutgoingRules)
    no_structure: str | None = None
    keeps_passwords: bool = True

    def check_webhook(self, url: str) -> None:
        """Refuse a webhook that could never be delivered. Raises as `pagemill.domain.task.webhooks.check_webhook`."""
        check_webhook(url, sends=self.sends_webhooks, outgoing=self.outgoing)

    def check_password(self, *, needed: bool) -> None:
        """Refuse a protected document whose password would be of no use.

        Raises:
            EncryptedDocument: The nodes that read pages never learn the password.
        """
        if needed and not self.keeps_passwords:
            raise EncryptedDocument(
                "This server takes requests only, and a password stays on the server that is told it. Send the "
                "document to a server that also reads pages, or remove its password."
            )


class TaskManager:
    """Creates, starts, cancels and deletes tasks. Runs in the server process."""

    def __init__(
        self,
        config: TaskManagerConfig,
        *,
        engines: Mapping[str, EngineSpec],
        inspector: DocumentInspector,
        estimator: MemoryEstimator,
        memory: MemoryAdmission,
        queue: TaskQueue,
        store: TaskStore,
        pages: PageQueue,
        submissions: Submissions,
        handlers: TaskEventHandlers,
        dispatcher: Dispatcher,
        watch: TaskWatch,
        clock: Clock,
        passwords: Passwords,
        nodes: Nodes,
        work_dir: Path,
    ) -> None:
        self._config = config
        self._work_dir = work_dir
        self._engines = engines
        self._inspector = inspector
        self._placer = TaskPlacer(engines, estimator=estimator, memory=memory, nodes=nodes)
        self._nodes = nodes
        self._queue = queue
        self._store = store
        self._pages = pages
        self._submissions = submissions
        self._handlers = handlers
        self._watch = watch
        self._clock = clock
        self._dispatcher = dispatcher
        self._passwords = passwords

    async def create_task(self, request: TaskCreateRequest) -> Task:
        """Inspect the document, estimate its memory, choose a device, store the task; queue it unless `start` is false.

        When this returns, the document's file belongs to the task; on an error it still belongs to the caller.

        Raises:
            DocumentError: It cannot be read.
            InvalidRequest: The pages, engine, profile or language do not exist, or the engine is unavailable here.
            NeverFits: No device could ever hold it.
            DeviceUnavailable: The requested device does not exist.
            QueueFull: Too many tasks are waiting; `details["retry_after_s"]`.
            QuotaExceeded: The caller has reached its quota; `details["retry_after_s"]`.
            PoolExhausted: No reader became free in time to inspect the document.
            TimedOut: The inspection took too long.
            WorkerLost: The reader was lost, and the document is not to blame.
            DuplicateSubmission: An earlier request used the idempotency key; `submit_task` returns its task.
        """
        new = await self.prepare(request)
        with self.holding_passwords([new]):
            stored = await (self._queue.submit(new) if request.options.start else self._store.create(new))
        return await self.announce(stored)

    @contextmanager
    def holding_passwords(self, tasks: Sequence[NewTask]) -> Iterator[None]:
        """Keep the passwords of tasks that the block stores; after an error, forget them."""
        for new in tasks:
            if new.password_at is not None and new.request.password is not None:
                self._passwords.hold(new.task_id, new.request.password)
        try:
            yield
        except BaseException:
            for new in tasks:
                self._passwords.forget(new.task_id)
            raise

    async def prepare(self, request: TaskCreateRequest) -> NewTask:
        """Inspect the document, estimate its memory and choose a device; store nothing. Raises as `create_task`."""
        options = request.options
        if options.webhook_url is not None:
            self._config.check_webhook(options.webhook_url)
        spec, _ = choose_engine(self._engines, options.recognition)
        check_structure(spec, options.recognition, missing=self._config.no_structure)
        info = await self._inspector.inspect(request.document.path, caller=request.caller, password=request.password)
        self._config.check_password(needed=info.needs_password)
        check_page_count(info, self._config.max_pages)
        numbers = parse_page_range(options.pages, info.page_count)
        place = await self._place(lambda: self._placer.place(options, info))
        return NewTask(
            task_id=new_task_id(self._clock.now()),
            request=request,
            info=info,
            pages=numbers,
            first_stage=first_stage(info.kind, options.recognition.ocr),
            estimated_memory_mb=place.estimated_memory_mb,
            assigned_device=place.device,
            page_pixels=place.pixels,
            circumstances=place.circumstances,
            password_at=self._passwords.owner if info.needs_password else None,
        )

    async def _place(self, place: Callable[[], Place]) -> Place:
        """Place a task; refuse it only after a look at the nodes of this moment."""
        try:
            return place()
        except (NeverFits, DeviceUnavailable):
            await self._nodes.look()
            return place()

    async def announce(self, task: Task) -> Task:
        """Make sure that a stored task gets its turn, or ends if it has no unfinished pages."""
        self._passwords.follow(task.task_id)
        if task.status is TaskStatus.QUEUED and task.pages_done + task.pages_failed == task.pages_total:
            task = await self._end(task)
        self._notice(task.task_id)
        return task

    async def submit_task(self, request: TaskCreateRequest) -> Submission:
        """Create a task; for a repeated idempotency key, return the task of the first request instead.

        The document of a repeated request still belongs to the caller.

        Raises:
            PagemillError: As `create_task`.
            IdempotencyKeyReused: The key belongs to an earlier request with another document or other options.
        """
        earlier = await self._find_submitted(request)
        if earlier is not None:
            return earlier
        try:
            return Submission(await self.create_task(request))
        except DuplicateSubmission:
            faster = await self._find_submitted(request)
            if faster is None:
                raise
            return faster

    async def retry_task(self, task_id: str, *, password: str | None = None) -> Task:
        """Queue the unread pages of a finished task again; its finished pages remain.

        Raises:
            EncryptedDocument: As `start_task`.
            NotFound: There is no such task.
            IllegalTransition: It has not ended, or all its pages were read.
            DeviceUnavailable: As `start_task`.
            NeverFits: As `start_task`.
            QueueFull: Too many tasks are waiting.
        """
        task = await self._store.get(task_id)
        if not task.status.is_final:
            raise IllegalTransition(f"Task {task_id} is {task.status}; you can retry it once it has ended.")
        return await self.start_task(task_id, TaskStartRequest(), password=password)

    async def start_task(self, task_id: str, request: TaskStartRequest, *, password: str | None = None) -> Task:
        """Queue a task that was created with `start=false`, or the failed pages of a finished one.

        It estimates the task again. The device is the one requested now, or when the task was sent, or else the best.
        On an error the task stays as it was.

        Raises:
            EncryptedDocument: The document needs a password, and it is missing or wrong.
            NotFound: There is no such task.
            IllegalTransition: It is queued or running, or all its pages were read.
            DeviceUnavailable: The requested device does not exist.
            NeverFits: No device (or not the requested one) could ever hold it.
            QueueFull: Too many tasks are waiting.
        """
        task = await self._store.get(task_id)
        check_startable(task)
        self._config.check_password(needed=task.needs_password)
        place = await self._place(lambda: self._placer.place_again(task, request.device))
        placed = replace(task, assigned_device=place.device, estimated_memory_mb=place.estimated_memory_mb)
        password = await self._find_password(task, password)
        if password is not None:
            self._passwords.hold(task_id, password)
            placed = replace(placed, password_at=self._passwords.owner)
        try:
            return await self.announce(await self._queue.add_task(placed, task.options.priority))
        except BaseException:
            self._passwords.follow(task_id)
            raise

    async def _find_password(self, task: Task, given: str | None) -> str | None:
        """The password of a task that is queued again, after a check that it opens the document; None without one."""
        password = self._passwords.need(task, given)
        if password is not None and password != self._passwords.find(task.task_id):
            await self._inspector.inspect(task.document.path, caller=task.caller, password=password)
        return password

    async def cancel_task(self, task_id: str) -> Task:
        """Stop the task: at once if it waits, within a page if it runs. Cancelling twice is not an error.

        Raises:
            NotFound: There is no such task.
            IllegalTransition: It has ended already.
        """
        task = await self._store.get(task_id)
        if task.status in (TaskStatus.CANCELLING, TaskStatus.CANCELLED):
            return task
        check_transition(task_id, task.status, TaskStatus.CANCELLED)
        if task.status in (TaskStatus.RUNNING, TaskStatus.RETRYING):
            await self._store.transition(task_id, TaskStatus.CANCELLING)
        else:
            await self._handlers.record(task_id, TaskEvent.CANCEL_REQUESTED)
            await self._store.transition(task_id, TaskStatus.CANCELLED)
        await self._dispatcher.cancel(task_id)
        await self._pages.finish_completed(task_id)
        self._notice(task_id)
        return await self._store.get(task_id)

    async def delete_task(self, task_id: str) -> None:
        """Delete a task that has ended or never started, with its document and results.

        Raises:
            NotFound: There is no such task.
            Conflict: It is queued or running; cancel it first.
        """
        await self.remove_files(await self._store.delete(task_id))

    async def remove_files(self, task: Task) -> None:
        """Delete the document, pictures and results of a task that is no longer stored."""
        await asyncio.to_thread(remove_task_files, task, self._work_dir)

    async def _end(self, task: Task) -> Task:
        """End a task without unfinished pages (they were read before, or cannot be read): it needs no turn."""
        with suppress(IllegalTransition):  # it started and ended, or was cancelled, since we read it
            await self._store.transition(task.task_id, TaskStatus.RUNNING)
        await self._pages.finish_completed(task.task_id)
        return await self._store.get(task.task_id)

    async def _find_submitted(self, request: TaskCreateRequest) -> Submission | None:
        """The task that the same request made before."""
        if request.idempotency_key is None:
            return None
        earlier = await self._submissions.find(request.caller, request.idempotency_key)
        if earlier is None:
            return None
        check_same(earlier, request)
        return Submission(await self._store.get(earlier.task_id), replayed=True)

    def _notice(self, task_id: str) -> None:
        self._watch.notify(task_id)
        self._dispatcher.wake()
