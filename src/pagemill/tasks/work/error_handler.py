"""Handles failures: decides with `retry` and `ladder`, records the decision, and sends alerts."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from pagemill.domain.documents import DocumentKind
from pagemill.domain.errors import MEMORY_REASONS, DatabaseUnavailable, IllegalTransition, StaleLease, TaskFailureReason
from pagemill.domain.memory import CPU, MIB, DeviceId, DeviceMemory, MemoryNeed
from pagemill.domain.ports import MemoryAdmission, PageQueue, TaskQueue, TaskStore
from pagemill.domain.task.events import Details, TaskEvent
from pagemill.domain.task.task import PageLease, PageState, RetryPolicy, Rung, Task
from pagemill.domain.work.engine_spec import EngineSpec, find_profile
from pagemill.domain.work.nodes import Work, larger_need
from pagemill.domain.work.outcomes import PageFailed, PageTooLarge, WorkerLoss
from pagemill.domain.work.quarantine import Circumstances
from pagemill.domain.work.recognition import Stage
from pagemill.tasks.decisions.circumstances import circumstances, model_set
from pagemill.tasks.decisions.ladder import Situation, next_rung
from pagemill.tasks.decisions.retry import Decision, GiveUpPage, RetryPage, ReturnPage, after_failure, after_loss
from pagemill.tasks.nodes import Nodes
from pagemill.tasks.progress.event_handlers import TaskEventHandlers
from pagemill.tasks.work.chunk_params import ChunkParamsMaker
from pagemill.tasks.work.faults import Fault

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OomFailure:
    """A page that ran out of memory while a worker read it.

    Attributes:
        lease: Its lease.
        failure: The failure.
        device: Where it failed.
    """

    lease: PageLease
    failure: PageFailed
    device: DeviceId

    @property
    def rung(self) -> Rung:
        """The rung of the page when it failed."""
        index = self.lease.pages.index(self.failure.number)
        return self.lease.rungs[index] if self.lease.rungs else Rung.USUAL


OnOom = Callable[[Task, OomFailure | None, Rung | None], Awaitable[None]]
"""Called for alerts on every out-of-memory failure, with the page to blame, if any, and the next rung."""


async def ignore_oom(_task: Task, _oom: OomFailure | None, _rung: Rung | None) -> None:
    """`OnOom` without alerts."""


class TaskErrorHandler:
    """Carries out the decisions about failed pages and lost workers. Runs in the server process."""

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        engines: Mapping[str, EngineSpec],
        queue: TaskQueue,
        pages: PageQueue,
        store: TaskStore,
        memory: MemoryAdmission,
        handlers: TaskEventHandlers,
        params: ChunkParamsMaker,
        nodes: Nodes,
        on_oom: OnOom = ignore_oom,
    ) -> None:
        self._policy = policy
        self._engines = engines
        self._queue = queue
        self._pages = pages
        self._store = store
        self._memory = memory
        self._handlers = handlers
        self._params = params
        self._nodes = nodes
        self._on_oom = on_oom

    async def page_failed(self, lease: PageLease, failure: PageFailed, *, device: DeviceId) -> None:
        """Retry or fail a page whose own work failed.

        If the failure cannot be stored as it is, the page still gets an attempt, with a neutral message.

        Raises:
            StaleLease: The lease no longer holds the page.
            DatabaseUnavailable: Nothing was written.
        """
        logger.warning("Task %s page %s: %s (%s)", lease.task_id, failure.number, failure.message, failure.reason)
        try:
            await self._page_failed(lease, failure, device)
        except (StaleLease, DatabaseUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 - logged there
            await self._charge(lease, failure, error)

    async def worker_lost(self, lease: PageLease, loss: WorkerLoss, *, device: DeviceId) -> None:
        """Retry or fail the page, if any, that a dead worker held. Raises as `page_failed`."""
        logger.warning("Task %s page %s: worker lost, %s: %s", lease.task_id, loss.page, loss.cause, loss.message)
        self._handlers.tally.worker_lost(loss.cause)
        try:
            await self._worker_lost(lease, loss, device)
        except (StaleLease, DatabaseUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 - logged there
            if loss.page is None:
                Fault.log(error, task_id=lease.task_id, doing="announcing a lost worker")
            else:
                await self._charge(lease, _failure_of(loss, loss.page), error)

    async def _page_failed(self, lease: PageLease, failure: PageFailed, device: DeviceId) -> None:
        if failure.reason in MEMORY_REASONS and failure.retryable:
            await self._out_of_memory(OomFailure(lease, failure, device))
            return
        if isinstance(failure, PageTooLarge) and await self._gave_to_larger_node(lease, failure, device):
            return
        attempts = lease.attempts[lease.pages.index(failure.number)]
        decision = after_failure(self._policy, failure, attempts=attempts)
        await self._carry_out(lease, failure, decision)

    async def _gave_to_larger_node(self, lease: PageLease, failure: PageTooLarge, device: DeviceId) -> bool:
        """Return a page that never fits here for a node where it does; False if there is none."""
        need = lease.need.at_least(failure.need)
        await self._nodes.look()
        if self._nodes.may_claim(_work(lease, device, need)):
            return False
        await self._pages.give_back(lease, (failure.number,), refused=True, need=need)
        self._handlers.tally.page_retried()
        return True

    async def _worker_lost(self, lease: PageLease, loss: WorkerLoss, device: DeviceId) -> None:
        details: Details = {
            "page": loss.page,
            "cause": loss.cause,
            "message": loss.message,
            "peak_mb": loss.peak_bytes // MIB,
        }
        await self._handlers.record(lease.task_id, TaskEvent.WORKER_LOST, details)
        if loss.page is None:
            return
        failure = _failure_of(loss, loss.page)
        crashes = lease.crashes[lease.pages.index(loss.page)]
        decision = after_loss(self._policy, loss, crashes=crashes)
        if failure.reason in MEMORY_REASONS and not isinstance(decision, ReturnPage):
            await self._out_of_memory(OomFailure(lease, failure, device))
        else:
            under = self._circumstances(lease, device)
            await self._carry_out(lease, failure, decision, crashed=True, quarantined=under)

    async def _charge(self, lease: PageLease, failure: PageFailed, error: Exception) -> None:
        """Fail the page with a neutral message, without text from outside, because recording its own failure failed.

        A page that has already left its lease needs nothing more.
        """
        doing = f"settling the failure ({failure.reason}) of page {failure.number}"
        fault = Fault.log(error, task_id=lease.task_id, doing=doing)
        plain = fault.of_page(failure.number, retryable=failure.retryable, peak_bytes=failure.peak_bytes)
        attempts = lease.attempts[lease.pages.index(failure.number)]
        with suppress(StaleLease):
            decision = after_failure(self._policy, plain, attempts=attempts)
            await self._carry_out(lease, plain, decision)

    async def handle_oom_error(self, task: Task, oom: OomFailure | None = None) -> Rung | None:
        """Move work that ran out of memory to its next rung.

        It logs the memory state and writes it to the task's events, queues the work again with a smaller batch, or on
        higher rungs in a fresh process, alone, on the CPU, at a lower resolution, and sends alerts.

        Args:
            task: The task whose work ran out of memory.
            oom: The page to blame. If no rung is left, it fails (`out_of_memory`), and the result contains the others.
                None if no page is known to be to blame: then all waiting pages climb to the next rung, and the task
                goes back to the queue with lower priority. Pages in progress stay with their workers.

        Returns:
            The next rung; None if none is left.
        """
        if oom is None:
            return await self._all_out_of_memory(task)
        await self._nodes.look()
        need = self._need_beyond(oom)
        has_larger_node = not self._nodes.may_claim(_work(oom.lease, oom.device, need))
        situation = replace(self._situation(task, oom), has_larger_node=has_larger_node)
        rung = next_rung(oom.rung, situation)
        state = self._memory_state()
        logger.warning(
            "Task %s page %s ran out of memory on %s (%s): %s. Memory: %s",
            task.task_id,
            oom.failure.number,
            oom.device,
            oom.rung.name.lower(),
            _describe_next(rung),
            state,
        )
        await self._handlers.record(task.task_id, TaskEvent.OOM_RECOVERY, _oom_details(oom, rung, state))
        if rung is Rung.LARGER_NODE:
            await self._pages.give_back(oom.lease, (oom.failure.number,), refused=True, need=need)
        else:
            await self._climb(task, oom, rung, fallback=situation.fallback)
        self._handlers.tally.out_of_memory(rung)
        if rung is None:
            self._handlers.tally.page_given_up(oom.failure.reason)
        else:
            self._handlers.tally.page_retried()
        await self._on_oom(task, oom, rung)
        return rung

    async def _climb(self, task: Task, oom: OomFailure, rung: Rung | None, *, fallback: DeviceId | None) -> None:
        """Move the page to a rung here; None fails it for good."""
        await self._pages.fail_page(
            oom.lease,
            oom.failure,
            retry_in=None if rung is None else timedelta(0),
            rung=rung,
            device=fallback if rung is Rung.OTHER_DEVICE else None,
            quarantined=self._circumstances(oom.lease, oom.device, task.assigned_device),
        )

    def _need_beyond(self, oom: OomFailure) -> MemoryNeed:
        """What a node must provide to be worth a try after this one."""
        own = self._nodes.own
        return oom.lease.need if own is None else larger_need(own, oom.device, oom.lease.need)

    async def _all_out_of_memory(self, task: Task) -> Rung | None:
        waiting = await self._store.pages(task.task_id, state=PageState.QUEUED)
        lowest = min((page.rung for page in waiting), default=Rung.USUAL)
        options, device = task.options.recognition, task.assigned_device or CPU
        _, profile = find_profile(self._engines, options.engine, options.profile)
        recognised = any(page.stage is Stage.OCR for page in waiting)
        situation = self._situation_of(task, device, batch_size=profile.batch_size, recognised=recognised)
        rung = next_rung(lowest, situation)
        state = self._memory_state()
        logger.warning(
            "Task %s ran out of memory on %s: %s. Memory: %s", task.task_id, device, _describe_next(rung), state
        )
        await self._handlers.record(
            task.task_id, TaskEvent.OOM_RECOVERY, _task_oom_details(device, lowest, rung, state)
        )
        fallback = situation.fallback if rung is Rung.OTHER_DEVICE else None
        try:
            await self._queue.requeue_task(task, rung=rung, device=fallback)
        except IllegalTransition as error:
            logger.info("Task %s does not go back to the queue: %s", task.task_id, error)
        self._handlers.tally.out_of_memory(rung)
        await self._on_oom(task, None, rung)
        return rung

    async def _out_of_memory(self, oom: OomFailure) -> None:
        await self.handle_oom_error(await self._store.get(oom.lease.task_id), oom)

    def _situation(self, task: Task, oom: OomFailure) -> Situation:
        batch_size = self._params.footing(oom.lease, oom.device).batch_size
        return self._situation_of(task, oom.device, batch_size=batch_size, recognised=oom.lease.stage is Stage.OCR)

    def _situation_of(self, task: Task, device: DeviceId, *, batch_size: int, recognised: bool) -> Situation:
        options = task.options.recognition
        return Situation(
            device=device,
            devices=_usable_ids(self._engines[options.engine], self._memory.devices()),
            batch_size=batch_size if recognised else 1,
            dpi=options.dpi if recognised and task.kind is DocumentKind.PDF else None,
            may_lower_resolution=options.allow_lower_resolution,
        )

    def _memory_state(self) -> str:
        return "; ".join(_memory_state(device) for device in self._memory.devices())

    def _circumstances(self, lease: PageLease, *devices: DeviceId | None) -> Sequence[Circumstances]:
        """The circumstances of the failure: on the device that the page fell back to, and on the one it came from."""
        _, profile = find_profile(self._engines, lease.options.engine, lease.options.profile)
        keys = (model_set(lease.stage, lease.options, device, profile) for device in devices if device is not None)
        return circumstances(keys, self._memory.devices())

    async def _carry_out(
        self,
        lease: PageLease,
        failure: PageFailed,
        decision: Decision,
        *,
        crashed: bool = False,
        quarantined: Sequence[Circumstances] = (),
    ) -> None:
        match decision:
            case RetryPage(delay):
                await self._pages.fail_page(lease, failure, retry_in=delay, crashed=crashed)
                self._handlers.tally.page_retried()
            case GiveUpPage():
                await self._pages.fail_page(lease, failure, retry_in=None, crashed=crashed, quarantined=quarantined)
                self._handlers.tally.page_given_up(failure.reason)
            case ReturnPage():
                await self._pages.give_back(lease, (failure.number,), refused=True)


def _work(lease: PageLease, device: DeviceId, need: MemoryNeed) -> Work:
    return Work.of(lease.stage, device, need, engine=lease.options.engine)


def _failure_of(loss: WorkerLoss, page: int) -> PageFailed:
    return PageFailed(page, loss.reason, loss.message, retryable=True, peak_bytes=loss.peak_bytes)


def _usable_ids(spec: EngineSpec, devices: Sequence[DeviceMemory]) -> tuple[DeviceId, ...]:
    return tuple(device.device for device in devices if device.device.partition(":")[0] in spec.device_kinds)


def _memory_state(device: DeviceMemory) -> str:
    return (
        f"{device.device} {device.used_bytes // MIB} of {device.limit_bytes // MIB} MiB used, "
        f"{device.reserved_bytes // MIB} reserved, {device.level.name.lower()}"
    )


def _describe_next(rung: Rung | None) -> str:
    return f"next, {rung.name.lower()}" if rung is not None else "given up"


def _oom_details(oom: OomFailure, rung: Rung | None, state: str) -> Details:
    return {
        "page": oom.failure.number,
        "reason": oom.failure.reason,
        "device": oom.device,
        "reached_mb": oom.failure.peak_bytes // MIB,
        "rung": oom.rung.name.lower(),
        "next_rung": rung.name.lower() if rung is not None else None,
        "memory": state,
    }


def _task_oom_details(device: DeviceId, lowest: Rung, rung: Rung | None, state: str) -> Details:
    return {
        "page": None,
        "reason": TaskFailureReason.OUT_OF_MEMORY,
        "device": device,
        "rung": lowest.name.lower(),
        "next_rung": rung.name.lower() if rung is not None else None,
        "memory": state,
    }
