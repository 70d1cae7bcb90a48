"""Brings pages and services together.

    queue ──get_next_task──▶ running tasks ──backlog──▶ plan() ──▶ one chunk per free place
                                                                      │
         page rows ◀──commit / fail / give back── lease ◀── claim ────┤
                                                                      │
                                                 pool ──acquire──▶ service.process ──release──▶ pool

One loop decides (`run_once`). Every chunk runs on its own, and releases what it holds however it ends. While a worker
reads the last page of a chunk, the dispatcher already claims the next chunk, which waits for the service.
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from pagemill.domain.memory import DeviceId, MemoryLevel
from pagemill.domain.ports import MemoryAdmission, OverdueTasks, PageQueue, TaskQueue
from pagemill.domain.task.task import Task
from pagemill.domain.work.backlog import Backlog, PageKind
from pagemill.domain.work.nodes import Work
from pagemill.tasks.decisions.line import Line, lanes_of
from pagemill.tasks.decisions.plan import READER_LANE, Assignment, ChunkLimits, plan
from pagemill.tasks.duty import Duty
from pagemill.tasks.nodes import Nodes
from pagemill.tasks.passwords import Passwords
from pagemill.tasks.work.chunks import ChunkRunner
from pagemill.tasks.work.finisher import TaskFinisher

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DispatcherConfig:
    """How much work runs at the same time.

    Attributes:
        capacity: Places by lane: each device, and the readers.
        spare: Lanes with a spare place, for a caller that has nothing in progress there.
        max_running: Maximum number of tasks that take turns with their pages.
        limits: Maximum pages of one chunk.
        interval: Longest time until it notices due retries, or the work of another server.
    """

    capacity: Mapping[str, int]
    spare: Collection[str] = ()
    max_running: int = 64
    limits: ChunkLimits = field(default_factory=ChunkLimits)
    interval: timedelta = timedelta(milliseconds=500)


@dataclass
class _Work:
    """An assignment in progress.

    Attributes:
        number: Rises with every chunk.
        ending: It is at its last page, so the next chunk may already take its place.
    """

    assignment: Assignment
    number: int
    ending: bool = False


class Dispatcher:
    """Admits tasks, decides what runs, and starts it. Runs in the server process."""

    def __init__(
        self,
        config: DispatcherConfig,
        *,
        queue: TaskQueue,
        pages: PageQueue,
        overdue: OverdueTasks,
        memory: MemoryAdmission,
        chunks: ChunkRunner,
        follower: TaskFinisher,
        passwords: Passwords,
        nodes: Nodes,
    ) -> None:
        self._config = config
        self._queue = queue
        self._pages = pages
        self._overdue = overdue
        self._memory = memory
        self._chunks = chunks
        self._follower = follower
        self._passwords = passwords
        self._nodes = nodes
        self._virtual_times: Mapping[str, float] = {}
        self._line = Line(config.capacity)
        self._begun = 0
        self._wasted: set[str] = set()
        self._working: dict[asyncio.Task[bool], _Work] = {}
        self._stopping = False
        self._duty = Duty("dispatcher", self.run_once, interval=config.interval)

    async def start(self) -> None:
        """See `Runnable.start`."""
        self._stopping = False
        await self._duty.start()

    def wake(self) -> None:
        """Look for new work at once."""
        self._duty.wake()

    async def stop(self) -> None:
        """See `Runnable.stop`. It returns unfinished pages, which costs them no attempt."""
        self._stopping = True
        await self._duty.stop()
        await self._end(list(self._working))

    async def cancel(self, task_id: str) -> None:
        """End all work on a cancelled task, and clean up after it."""
        await self._end(self._works_on(task_id))
        self._follower.follow(task_id)

    def abandon(self, task_id: str) -> None:
        """End all work on a task that has ended, perhaps at another server; do not wait for it."""
        _cancel(self._works_on(task_id))

    def holds(self, task_id: str) -> bool:
        """Whether any chunk of the task is in progress here."""
        return bool(self._works_on(task_id))

    def works(self) -> Collection[asyncio.Task[bool]]:
        """The chunks in progress here."""
        return frozenset(self._working)

    def has_in_line(self, task_id: str) -> bool:
        """Whether the task has a reason to wait: it is behind others, or others have the place or memory.

        A task that had its turn and settled nothing does not wait for its turn.
        """
        if task_id in self._wasted:
            return False
        working: defaultdict[str, list[int]] = defaultdict(list)
        for work in self._working.values():
            working[work.assignment.lane].append(work.number)
        return self._line.has(task_id, working=working)

    async def run_once(self) -> None:
        """Admit tasks, plan, and start the plan."""
        if self._stopping or not self._nodes.may_work:
            return
        everything = await self._pages.backlog()
        if await self._admit(self._config.max_running - len(everything)):
            everything = await self._pages.backlog()
        openable = [each for each in everything if self._passwords.may_open(each.task_id, each.password_at)]
        backlogs = [self._without_foreign_pages(each) for each in openable]
        self._wasted &= {backlog.task_id for backlog in backlogs}
        self._line.look(backlogs, self._virtual_times, closed=self._find_closed(), begun=self._begun)
        for assignment in self._plan(backlogs):
            self._begin(assignment)
        locked = [each for each in everything if each not in openable]
        foreign = [each for each, left in zip(openable, backlogs, strict=True) if each.waiting and not left.waiting]
        await self._note_refused(backlogs, elsewhere=[*locked, *foreign])

    def _without_foreign_pages(self, backlog: Backlog) -> Backlog:
        """The backlog without the pages that only another node can read."""
        waiting = {
            kind: pages for kind, pages in backlog.waiting.items() if self._nodes.may_claim(_work_of(kind, backlog))
        }
        return backlog if len(waiting) == len(backlog.waiting) else replace(backlog, waiting=waiting)

    async def _admit(self, room: int) -> int:
        admitted = 0
        for device in (memory.device for memory in self._memory.devices()):
            while admitted < room and (task := await self._queue.get_next_task(device)) is not None:
                admitted += await self._let_in(task)
        return admitted

    async def _let_in(self, task: Task) -> bool:
        """Follow the task to its end; returns whether it needs a place.

        It needs none, and ends here, if its last page was settled while it waited for its next admission.
        """
        has_open_pages = task.pages_done + task.pages_failed < task.pages_total
        if not has_open_pages:
            await self._pages.finish_completed(task.task_id)
        self._follower.follow(task.task_id)
        return has_open_pages

    def _plan(self, backlogs: Sequence[Backlog]) -> Sequence[Assignment]:
        free = self._count_free()
        at_work: defaultdict[str, set[str]] = defaultdict(set)
        for work in self._working.values():
            at_work[work.assignment.lane].add(work.assignment.caller)
        planned = plan(
            backlogs,
            free,
            capacity=self._config.capacity,
            at_work=at_work,
            spare=[lane for lane in self._config.spare if free.get(lane) == 0],
            limits=self._config.limits,
            virtual_times=self._virtual_times,
        )
        self._virtual_times = planned.virtual_times
        return planned.assignments

    def _count_free(self) -> dict[str, int]:
        works = self._working.values()
        busy = Counter(work.assignment.lane for work in works if not work.ending)
        closed = self._find_closed()
        alone = {work.assignment.lane for work in works if work.assignment.kind.alone}
        return {
            lane: places - busy[lane]
            for lane, places in self._config.capacity.items()
            if lane not in alone and lane not in closed
        }

    def _find_closed(self) -> set[str]:
        """Lanes that start nothing now, for lack of memory."""
        devices = self._config.capacity.keys() - {READER_LANE}
        return {lane for lane in devices if self._memory.level(DeviceId(lane)) >= MemoryLevel.HARD}

    async def _note_refused(self, backlogs: Sequence[Backlog], *, elsewhere: Sequence[Backlog]) -> None:
        """Record a refusal for tasks that wait only in closed lanes, so that they do not wait forever.

        Also for tasks that only another server can read, because it knows their password or is larger: that server may
        be gone.
        """
        opened = self._config.capacity.keys() - self._find_closed()
        refused = [
            backlog.task_id
            for backlog in backlogs
            if not (backlog.is_unserved or backlog.leased) and (lanes := lanes_of(backlog)) and lanes.isdisjoint(opened)
        ]
        refused += [backlog.task_id for backlog in elsewhere if not (backlog.is_unserved or backlog.leased)]
        if refused:
            await self._overdue.note_refused(refused)

    def _begin(self, assignment: Assignment) -> None:
        work = _Work(assignment, self._begun)
        self._begun += 1

        def on_last_page() -> None:
            if not work.ending:
                work.ending = True
                self.wake()

        run = self._chunks.run(assignment, on_last_page=on_last_page)
        running = asyncio.create_task(run, name=f"chunk of {assignment.task_id}")
        self._working[running] = work
        running.add_done_callback(self._note_chunk_end)

    def _note_chunk_end(self, running: asyncio.Task[bool]) -> None:
        """Fill the place at once if pages were settled; otherwise wait for the next run, to avoid a busy loop."""
        assignment = self._working.pop(running).assignment
        if running.cancelled():
            return
        if (error := running.exception()) is not None:
            logger.error("A chunk of task %s ended because of an internal error", assignment.task_id, exc_info=error)
            self._wasted.add(assignment.task_id)
        elif running.result():
            self._wasted.discard(assignment.task_id)
            self.wake()
        else:
            self._wasted.add(assignment.task_id)

    def _works_on(self, task_id: str) -> list[asyncio.Task[bool]]:
        return [running for running, work in self._working.items() if work.assignment.task_id == task_id]

    async def _end(self, works: Sequence[asyncio.Task[bool]]) -> None:
        _cancel(works)
        await asyncio.gather(*works, return_exceptions=True)


def _cancel(works: Sequence[asyncio.Task[bool]]) -> None:
    for work in works:
        if not work.cancelling():
            work.cancel()


def _work_of(kind: PageKind, backlog: Backlog) -> Work:
    return Work.of(kind.stage, kind.works_on, kind.need, engine=backlog.engine)
