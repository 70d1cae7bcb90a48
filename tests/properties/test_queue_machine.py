"""The SQL queue does what a few dictionaries would do, whatever the order of calls; on both databases."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from tests.fixtures.databases import CleanDatabase
from tests.fixtures.stores import LEASE, Stores, TurnedClock, failed_page, kind_of, new_task, read_page

from pagemill.domain.errors import IllegalTransition, QueueFull, StaleLease
from pagemill.domain.memory import CPU
from pagemill.domain.task.task import TRANSITIONS, PageLease, PageState, TaskStatus
from pagemill.domain.work.outcomes import PageNeedsOcr
from pagemill.domain.work.recognition import Stage
from pagemill.store.database import Database
from pagemill.store.task_queue import MOST_LOWERED, QueueConfig

Result = TypeVar("Result")
RETRY = timedelta(seconds=20)
CONFIG = QueueConfig(max_queue_size=2, ageing_interval=timedelta(seconds=20))
OPEN = (PageState.QUEUED, PageState.LEASED)
AT_WORK = (TaskStatus.RUNNING, TaskStatus.RETRYING)


@dataclass
class ModelPage:
    """What the page should be."""

    stage: Stage
    state: PageState = PageState.QUEUED
    attempts: int = 0
    crashes: int = 0
    retry_at: datetime | None = None
    token: int | None = None
    until: datetime | None = None
    results: int = 0

    def is_workable(self, now: datetime) -> bool:
        return self.state is PageState.QUEUED and (self.retry_at is None or self.retry_at <= now)


@dataclass
class ModelTask:
    """What the task should be."""

    pages: dict[int, ModelPage]
    status: TaskStatus = TaskStatus.CREATED
    priority: int = 0
    queued_at: datetime | None = None
    admission: int = 0
    caller: str = ""

    def rests(self, now: datetime) -> bool:
        """No page is or can be worked on."""
        return not any(page.state is PageState.LEASED or page.is_workable(now) for page in self.pages.values())

    def count(self, state: PageState) -> int:
        return sum(page.state is state for page in self.pages.values())

    def waiting_state(self) -> PageState:
        return PageState.CANCELLED if self.status is TaskStatus.CANCELLING else PageState.QUEUED


class QueueMachine(RuleBasedStateMachine):
    """Drives the queue and the model side by side."""

    tasks = Bundle("tasks")
    leases = Bundle("leases")

    def __init__(self, url: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stores = Stores(Database(url), TurnedClock(), CONFIG)
        self.model: dict[str, ModelTask] = {}
        self.admitted = 0
        self.run(self.stores.database.start())

    def run(self, work: Coroutine[object, None, Result]) -> Result:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.stores.database.stop())
        self.runner.close()

    # --- tasks -------------------------------------------------------------------------------------------------------

    @initialize(target=tasks)
    def first_task(self) -> str:
        return self._create(pages=3, stage=Stage.OCR)

    @rule(target=tasks, pages=st.integers(1, 3), stage=st.sampled_from(Stage), caller=st.sampled_from("ab"))
    def create(self, pages: int, stage: Stage, caller: str) -> str:
        return self._create(pages, stage, caller)

    def _create(self, pages: int, stage: Stage, caller: str = "a") -> str:
        name = f"task-{9 - len(self.model) % 10}-{len(self.model)}"
        self.run(self.stores.tasks.create(new_task(name, pages=pages, stage=stage, caller=caller)))
        self.model[name] = ModelTask({number: ModelPage(stage) for number in range(1, pages + 1)}, caller=caller)
        return name

    @rule(name=tasks, priority=st.sampled_from((-1, 0, 1)))
    def add(self, name: str, priority: int) -> None:
        waiting = [task for task in self.model.values() if task.status is TaskStatus.QUEUED]
        task = self.run(self.stores.tasks.get(name))
        if len(waiting) >= CONFIG.max_queue_size:
            with pytest.raises(QueueFull):
                self.run(self.stores.queue.add_task(task, priority))
        elif task.status in AT_WORK or TaskStatus.QUEUED not in TRANSITIONS[self.model[name].status]:
            with pytest.raises(IllegalTransition):
                self.run(self.stores.queue.add_task(task, priority))
        else:
            self.run(self.stores.queue.add_task(task, priority))
            self._enter_queue(name, priority)

    def _enter_queue(self, name: str, priority: int) -> None:
        model = self.model[name]
        if model.status.is_final:
            for number, page in model.pages.items():
                if page.state in (PageState.FAILED, PageState.CANCELLED):
                    model.pages[number] = ModelPage(page.stage, results=page.results)
        model.status, model.priority, model.queued_at = TaskStatus.QUEUED, priority, self.stores.clock.now()

    @rule()
    def take_next(self) -> None:
        def order(name: str) -> tuple[datetime, str]:
            task = self.model[name]
            assert task.queued_at is not None
            return task.queued_at - task.priority * CONFIG.ageing_interval, name

        def turn(name: str) -> int:
            return max(task.admission for task in self.model.values() if task.caller == self.model[name].caller)

        waiting = sorted((name for name, task in self.model.items() if task.status is TaskStatus.QUEUED), key=order)
        waiting = [name for name in waiting if self.model[name].priority == self.model[waiting[0]].priority]
        waiting.sort(key=turn)
        task = self.run(self.stores.queue.get_next_task(CPU))
        assert (task and task.task_id) == (waiting[0] if waiting else None)
        if waiting:
            self.admitted += 1
            self.model[waiting[0]].status, self.model[waiting[0]].admission = TaskStatus.RUNNING, self.admitted

    @rule(name=tasks)
    def requeue(self, name: str) -> None:
        task = self.run(self.stores.tasks.get(name))
        if self.model[name].status in AT_WORK:
            self.run(self.stores.queue.requeue_task(task))
            self._enter_queue(name, max(self.model[name].priority - 1, -MOST_LOWERED))

    @rule(name=tasks, to=st.sampled_from((TaskStatus.CANCELLING, TaskStatus.CANCELLED, TaskStatus.EXPIRED)))
    def transition(self, name: str, to: TaskStatus) -> None:
        model = self.model[name]
        if to not in TRANSITIONS[model.status] and to is not model.status:
            with pytest.raises(IllegalTransition):
                self.run(self.stores.tasks.transition(name, to))
            return
        self.run(self.stores.tasks.transition(name, to))
        if to is model.status:
            return
        model.status = to
        for page in model.pages.values():
            if page.state is PageState.QUEUED or (page.state is PageState.LEASED and to.is_final):
                page.state, page.token = PageState.CANCELLED, None

    @rule()
    def finish(self) -> None:
        expected = {}
        for name, task in self.model.items():
            if task.status not in (TaskStatus.RUNNING, TaskStatus.CANCELLING) or not task.rests(
                self.stores.clock.now()
            ):
                continue
            if any(page.state in OPEN for page in task.pages.values()):
                task.status = TaskStatus.RETRYING
            else:
                expected[name] = self._end_of(task)
        finished = self.run(self.stores.pages.finish_completed())
        assert {task.task_id: task.status for task in finished} == expected
        for name, status in expected.items():
            self.model[name].status = status

    @staticmethod
    def _end_of(task: ModelTask) -> TaskStatus:
        if task.status is TaskStatus.CANCELLING:
            return TaskStatus.CANCELLED
        if not task.count(PageState.FAILED):
            return TaskStatus.SUCCEEDED
        return TaskStatus.PARTIALLY_SUCCEEDED if task.count(PageState.DONE) else TaskStatus.FAILED

    # --- pages -------------------------------------------------------------------------------------------------------

    @rule(target=leases, name=tasks, stage=st.sampled_from(Stage), limit=st.integers(1, 3), owner=st.sampled_from("xy"))
    def claim(self, name: str, stage: Stage, limit: int, owner: str) -> object:
        now = self.stores.clock.now()
        task = self.model[name]
        workable = [number for number, page in task.pages.items() if page.is_workable(now) and page.stage is stage]
        expected: list[int] = []
        for number in workable[:limit] if task.status in AT_WORK else []:
            if expected and (task.pages[number].crashes or task.pages[expected[0]].crashes):
                break
            expected.append(number)
        lease = self.run(self.stores.pages.claim_pages(name, kind_of(stage), limit=limit, owner=owner, lease_for=LEASE))
        assert (lease.pages if lease else ()) == tuple(expected)
        if lease is None:
            return multiple()
        task.status = TaskStatus.RUNNING
        for number in lease.pages:
            page = task.pages[number]
            assert page.token is None or page.token < lease.token
            page.state, page.token, page.until, page.retry_at = PageState.LEASED, lease.token, now + LEASE, None
        return lease

    def _settles(self, lease: PageLease, number: int, work: Coroutine[object, None, None]) -> ModelPage | None:
        page = self.model[lease.task_id].pages[number]
        if page.state is PageState.LEASED and page.token == lease.token:
            self.run(work)
            return page
        with pytest.raises(StaleLease):
            self.run(work)
        return None

    @rule(lease=leases, index=st.integers(0, 2), peak=st.integers(0, 3))
    def commit(self, lease: PageLease, index: int, peak: int) -> None:
        number = lease.pages[index % len(lease.pages)]
        page = self._settles(
            lease, number, self.stores.pages.commit_pages(lease, [read_page(number, b"%d" % number, peak_bytes=peak)])
        )
        if page:
            page.state, page.results = PageState.DONE, page.results + 1

    @rule(lease=leases, index=st.integers(0, 2))
    def needs_ocr(self, lease: PageLease, index: int) -> None:
        number = lease.pages[index % len(lease.pages)]
        page = self._settles(lease, number, self.stores.pages.commit_pages(lease, [PageNeedsOcr(number)]))
        if page:
            page.state, page.stage = self.model[lease.task_id].waiting_state(), Stage.OCR

    @rule(lease=leases, index=st.integers(0, 2), retry=st.booleans(), crashed=st.booleans())
    def fail(self, lease: PageLease, index: int, retry: bool, crashed: bool) -> None:
        number = lease.pages[index % len(lease.pages)]
        retry_in = RETRY if retry else None
        work = self.stores.pages.fail_page(lease, failed_page(number), retry_in=retry_in, crashed=crashed)
        page = self._settles(lease, number, work)
        if page:
            page.crashes += crashed
            page.attempts += not crashed
            page.state = self.model[lease.task_id].waiting_state() if retry else PageState.FAILED
            page.retry_at = self.stores.clock.now() + RETRY if retry else None

    @rule(lease=consumes(leases))
    def give_back(self, lease: PageLease) -> None:
        task = self.model[lease.task_id]
        held = [
            n for n in lease.pages if task.pages[n].state is PageState.LEASED and task.pages[n].token == lease.token
        ]
        self.run(self.stores.pages.give_back(lease, held))
        for number in held:
            task.pages[number].state = task.waiting_state()

    @rule(by=st.sampled_from((timedelta(seconds=10), RETRY, LEASE)))
    def turn_the_clock(self, by: timedelta) -> None:
        self.stores.clock.turn(by)

    @rule()
    def rescue(self) -> None:
        now = self.stores.clock.now()
        rescued = 0
        for task in self.model.values():
            for page in task.pages.values():
                if page.state is PageState.LEASED and page.until is not None and page.until <= now:
                    page.state, page.token, rescued = task.waiting_state(), None, rescued + 1
        assert self.run(self.stores.pages.rescue()) == rescued

    # --- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def tasks_and_pages_are_as_in_the_model(self) -> None:
        for name, model in self.model.items():
            task = self.run(self.stores.tasks.get(name))
            assert task.status is model.status
            assert (task.pages_done, task.pages_failed) == (model.count(PageState.DONE), model.count(PageState.FAILED))
            pages = self.run(self.stores.tasks.pages(name))
            assert [(page.state, page.stage, page.attempts, page.crashes) for page in pages] == [
                (page.state, page.stage, page.attempts, page.crashes) for page in model.pages.values()
            ]

    @invariant()
    def the_backlog_is_as_in_the_model(self) -> None:
        now = self.stores.clock.now()
        expected = []
        for name, task in sorted(self.model.items(), key=lambda item: item[1].admission):
            if task.status in AT_WORK and any(page.state in OPEN for page in task.pages.values()):
                queued = dict.fromkeys(Stage, 0)
                for page in task.pages.values():
                    queued[page.stage] += page.is_workable(now)
                waiting = {kind_of(stage): count for stage, count in queued.items() if count}
                expected.append((name, waiting, task.count(PageState.LEASED)))
        backlog = self.run(self.stores.pages.backlog())
        assert [(entry.task_id, entry.waiting, entry.leased) for entry in backlog] == expected

    @invariant()
    def a_page_that_is_done_has_one_result(self) -> None:
        async def results(name: str) -> list[bytes]:
            return [result async for result in self.stores.tasks.results(name)]

        for name, task in self.model.items():
            assert all(page.results == (page.state is PageState.DONE) for page in task.pages.values())
            assert self.run(results(name)) == [b"%d" % n for n, page in task.pages.items() if page.results]


@pytest.mark.parametrize(("backend", "examples"), [("sqlite", 15), ("postgresql", 10)])
def test_the_queue_does_what_dictionaries_would_do(backend: str, examples: int, clean_database: CleanDatabase) -> None:
    class Machine(QueueMachine):
        def __init__(self) -> None:
            super().__init__(clean_database(backend))

    limits = settings(max_examples=examples, stateful_step_count=25, deadline=None, database=None)
    run_state_machine_as_test(Machine, settings=settings(limits, suppress_health_check=list(HealthCheck)))
