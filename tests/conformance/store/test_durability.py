"""What survives a power failure: every method of the store says so here, and keeps its word."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

import pytest
from sqlalchemy import Connection, Engine, event, text
from tests.fixtures.stores import LEASE, MINUTE, Stores, TurnedClock, failed_page, kind_of, new_task, read_page

from pagemill.domain.callers import AdminUse, ApiKey, IssuedKey, Scope
from pagemill.domain.memory import CPU
from pagemill.domain.reports.service_status import TaskSample
from pagemill.domain.task.document_batch import NewDocumentBatch
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageLease, Task, TaskOptions, TaskStatus
from pagemill.domain.task.webhooks import Delivery
from pagemill.domain.work.nodes import Node
from pagemill.domain.work.recognition import Stage
from pagemill.store.database import Database
from pagemill.store.parts import StoreParts
from pagemill.store.task_queue import QueueConfig


class Survival(StrEnum):
    """What a power failure right after a method returned may undo."""

    PROMISED = "nothing: somebody is told of it, or it cannot be taken back"
    REPEATED = "on SQLite, all of it: it is done again"
    READ = "there is nothing to undo"


@dataclass(frozen=True)
class Site:
    """A store with a task in every state that matters."""

    parts: StoreParts
    running: PageLease
    created: Task
    in_work: Task
    held: Delivery


Call = Callable[[Site], Coroutine[object, None, object]]


async def _all(found: AsyncIterator[bytes]) -> list[bytes]:
    return [each async for each in found]


def _batch(name: str) -> NewDocumentBatch:
    task = replace(new_task(f"of-{name}", options=TaskOptions(start=False)), batch_id=name)
    return NewDocumentBatch(name, (task,), content="", caller="", idempotency_key=None)


def _key(site: Site) -> ApiKey:
    return IssuedKey.make("acme", Scope.READ, now=site.created.created_at).key


NODE = Node("node", machine_id="machine", name="name", version="1")
METHODS: dict[str, tuple[Survival, Call]] = {
    "queue.submit": (Survival.PROMISED, lambda site: site.parts.queue.submit(new_task("new"))),
    "queue.add_task": (Survival.PROMISED, lambda site: site.parts.queue.add_task(site.created)),
    "tasks.create": (Survival.PROMISED, lambda site: site.parts.tasks.create(new_task("new"))),
    "tasks.transition": (
        Survival.PROMISED,
        lambda site: site.parts.tasks.transition("running", TaskStatus.CANCELLING),
    ),
    "tasks.delete": (Survival.PROMISED, lambda site: site.parts.tasks.delete("created")),
    "batches.submit": (Survival.PROMISED, lambda site: site.parts.batches.submit(_batch("new"))),
    "batches.delete": (Survival.PROMISED, lambda site: site.parts.batches.delete("batch")),
    "outbox.claim": (Survival.PROMISED, lambda site: site.parts.outbox.claim(limit=9, hold_for=MINUTE)),
    "keys.add": (Survival.PROMISED, lambda site: site.parts.keys.add(_key(site))),
    "keys.revoke": (Survival.PROMISED, lambda site: site.parts.keys.revoke("known")),
    "keys.replace": (
        Survival.PROMISED,
        lambda site: site.parts.keys.replace("known", _key(site), old_until=None),
    ),
    "audit.record": (Survival.PROMISED, lambda site: site.parts.audit.record(AdminUse("a", "b", "c"))),
    "audit.prune": (Survival.REPEATED, lambda site: site.parts.audit.prune(MINUTE)),
    "queue.get_next_task": (Survival.REPEATED, lambda site: site.parts.queue.get_next_task(CPU)),
    "queue.requeue_task": (Survival.REPEATED, lambda site: site.parts.queue.requeue_task(site.in_work)),
    "tasks.track": (Survival.REPEATED, lambda site: site.parts.tasks.track("running", peak_memory_mb=1)),
    "pages.claim_pages": (
        Survival.REPEATED,
        lambda site: site.parts.pages.claim_pages("running", kind_of(), limit=1, owner="server", lease_for=LEASE),
    ),
    "pages.commit_pages": (Survival.REPEATED, lambda site: site.parts.pages.commit_pages(site.running, [read_page(1)])),
    "pages.fail_page": (
        Survival.REPEATED,
        lambda site: site.parts.pages.fail_page(site.running, failed_page(1), retry_in=None),
    ),
    "pages.give_back": (Survival.REPEATED, lambda site: site.parts.pages.give_back(site.running, [1])),
    "pages.renew": (Survival.REPEATED, lambda site: site.parts.pages.renew(site.running, LEASE)),
    "pages.rescue": (Survival.REPEATED, lambda site: site.parts.pages.rescue(owner="server")),
    "pages.finish_completed": (Survival.REPEATED, lambda site: site.parts.pages.finish_completed()),
    "overdue.expire": (Survival.REPEATED, lambda site: site.parts.overdue.expire(queue_timeout=timedelta(0))),
    "overdue.note_begun": (Survival.REPEATED, lambda site: site.parts.overdue.note_begun(site.running)),
    "overdue.note_refused": (Survival.REPEATED, lambda site: site.parts.overdue.note_refused(["running"])),
    "overdue.end_stalled": (Survival.REPEATED, lambda site: site.parts.overdue.end_stalled("running", timedelta(0))),
    "overdue.find_unchanged": (Survival.READ, lambda site: site.parts.overdue.find_unchanged(timedelta(0))),
    "retention.prune_samples": (Survival.REPEATED, lambda site: site.parts.retention.prune_samples(MINUTE)),
    "retention.prune_quarantine": (Survival.REPEATED, lambda site: site.parts.retention.prune_quarantine()),
    "events.append": (
        Survival.REPEATED,
        lambda site: site.parts.events.append("running", TaskEvent.CANCEL_REQUESTED),
    ),
    "resources.record_acquired": (
        Survival.REPEATED,
        lambda site: site.parts.resources.record_acquired("running", "service", {}),
    ),
    "resources.record_released": (Survival.REPEATED, lambda site: site.parts.resources.record_released("running", {})),
    "resources.record_cleaned": (Survival.REPEATED, lambda site: site.parts.resources.record_cleaned("finished")),
    "samples.add": (Survival.REPEATED, lambda site: site.parts.samples.add([_sample(site)])),
    "outbox.add": (Survival.REPEATED, lambda site: site.parts.outbox.add("https://a.example", "alert", {})),
    "outbox.mark_delivered": (Survival.REPEATED, lambda site: site.parts.outbox.mark_delivered(site.held)),
    "outbox.mark_failed": (
        Survival.REPEATED,
        lambda site: site.parts.outbox.mark_failed(site.held, "No.", retry_in=MINUTE),
    ),
    "outbox.prune": (Survival.REPEATED, lambda site: site.parts.outbox.prune()),
    "learned.save": (Survival.REPEATED, lambda site: site.parts.learned.save("sizes", {})),
    "nodes.announce": (Survival.REPEATED, lambda site: site.parts.nodes.announce(NODE)),
    "nodes.mark_gone": (Survival.REPEATED, lambda site: site.parts.nodes.mark_gone("node", unseen_for=MINUTE)),
    "nodes.forget": (Survival.REPEATED, lambda site: site.parts.nodes.forget(MINUTE)),
    "nodes.list_nodes": (Survival.READ, lambda site: site.parts.nodes.list_nodes()),
    "keys.find": (Survival.READ, lambda site: site.parts.keys.find("known")),
    "keys.list_keys": (Survival.READ, lambda site: site.parts.keys.list_keys()),
    "keys.has_any": (Survival.READ, lambda site: site.parts.keys.has_any()),
    "audit.read": (Survival.READ, lambda site: site.parts.audit.read()),
    "queue.size": (Survival.READ, lambda site: site.parts.queue.size()),
    "queue.count_tasks": (Survival.READ, lambda site: site.parts.queue.count_tasks("")),
    "queue.statistics": (Survival.READ, lambda site: site.parts.queue.statistics()),
    "tasks.get": (Survival.READ, lambda site: site.parts.tasks.get("running")),
    "tasks.list_tasks": (Survival.READ, lambda site: site.parts.tasks.list_tasks()),
    "tasks.pages": (Survival.READ, lambda site: site.parts.tasks.pages("running")),
    "tasks.list_uncleaned": (Survival.READ, lambda site: site.parts.tasks.list_uncleaned()),
    "tasks.results": (Survival.READ, lambda site: _all(site.parts.tasks.results("finished"))),
    "pages.backlog": (Survival.READ, lambda site: site.parts.pages.backlog()),
    "batches.find": (Survival.READ, lambda site: site.parts.batches.find("", "key")),
    "batches.get": (Survival.READ, lambda site: site.parts.batches.get("batch")),
    "batches.list_batches": (Survival.READ, lambda site: site.parts.batches.list_batches()),
    "batches.find_unfinished": (Survival.READ, lambda site: site.parts.batches.find_unfinished("batch")),
    "results.page_result": (Survival.READ, lambda site: site.parts.results.page_result("finished", 1)),
    "results.results_around": (
        Survival.READ,
        lambda site: site.parts.results.results_around("finished", 1, span=4),
    ),
    "submissions.find": (Survival.READ, lambda site: site.parts.submissions.find("", "key")),
    "retention.find_outdated": (Survival.READ, lambda site: site.parts.retention.find_outdated(MINUTE)),
    "retention.unknown_tasks": (Survival.READ, lambda site: site.parts.retention.unknown_tasks(["a"])),
    "retention.unknown_documents": (Survival.READ, lambda site: site.parts.retention.unknown_documents(["/a"])),
    "events.read": (Survival.READ, lambda site: site.parts.events.read("running")),
    "samples.read": (Survival.READ, lambda site: site.parts.samples.read("running")),
    "samples.find_latest": (Survival.READ, lambda site: site.parts.samples.find_latest("running")),
    "notices.find_latest": (Survival.READ, lambda site: site.parts.notices.find_latest()),
    "notices.read": (Survival.READ, lambda site: site.parts.notices.read(after=0)),
    "learned.load": (Survival.READ, lambda site: site.parts.learned.load("sizes")),
}


LEVELS = {
    ("sqlite", Survival.PROMISED): {"FULL"},
    ("sqlite", Survival.REPEATED): {"NORMAL"},
    ("sqlite", Survival.READ): set[str](),
    ("postgresql", Survival.PROMISED): {"on"},
    ("postgresql", Survival.REPEATED): {"on"},
    ("postgresql", Survival.READ): set[str](),
}


def _sample(site: Site) -> TaskSample:
    return TaskSample("running", site.running.until, memory_usage_mb=1, device=CPU, processing_stage=Stage.OCR)


def _parts(stores: Stores) -> StoreParts:
    return StoreParts(stores.database, stores.clock, queue=QueueConfig())


async def _site(stores: Stores) -> Site:
    await stores.add_running("finished", pages=1)
    await stores.pages.commit_pages(await stores.claim("finished"), [read_page(1)])
    in_work = await stores.add_running("running")
    lease = await stores.claim("running", limit=1)
    created = await stores.tasks.create(new_task("created"))
    await stores.add_queued("queued")
    await stores.batches.submit(_batch("batch"))
    parts = _parts(stores)
    for _ in range(2):
        await parts.outbox.add("https://a.example", "alert", {})
    await parts.keys.add(replace(IssuedKey.make("acme", Scope.READ, now=stores.clock.now()).key, key_id="known"))
    (held,) = await parts.outbox.claim(limit=1, hold_for=MINUTE)
    return Site(parts, lease, created, in_work, held)


@pytest.fixture
def committed() -> Iterator[list[str]]:
    """How durable each transaction that wrote was, in the database's own word, asked as it is committed."""
    levels: list[str] = []

    def on_commit(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            if not connection.exec_driver_sql("PRAGMA query_only").scalar_one():
                levels.append({1: "NORMAL", 2: "FULL"}[connection.exec_driver_sql("PRAGMA synchronous").scalar_one()])
        elif connection.execute(text("SELECT pg_current_xact_id_if_assigned()")).scalar_one() is not None:
            levels.append(connection.execute(text("SHOW synchronous_commit")).scalar_one())

    event.listen(Engine, "commit", on_commit)
    yield levels
    event.remove(Engine, "commit", on_commit)


def test_every_method_says_what_survives_a_power_failure() -> None:
    parts = _parts(Stores(Database("sqlite:///unused.db"), TurnedClock()))
    public = {
        f"{name}.{method}" for name, part in vars(parts).items() for method in dir(part) if not method.startswith("_")
    }
    assert public - METHODS.keys() == set(), "say in METHODS whether a power failure may undo them"
    assert METHODS.keys() - public == set(), "these are no methods of the store any more"


@pytest.mark.parametrize("method", METHODS)
async def test_what_is_promised_is_on_the_disk_before_anybody_is_told(
    method: str, stores: Stores, committed: list[str], backend: str
) -> None:
    survival, call = METHODS[method]
    site = await _site(stores)
    committed.clear()
    await call(site)
    assert set(committed) <= LEVELS[backend, survival]
    assert committed or survival is Survival.READ or backend == "postgresql"  # where nothing was to be pruned


async def test_a_promise_does_not_make_what_follows_it_one(stores: Stores, committed: list[str], backend: str) -> None:
    await _site(stores)
    committed.clear()
    parts = _parts(stores)
    for name in ("a", "b"):
        await parts.learned.save(name, {})
        await parts.queue.submit(new_task(name))
    assert committed == (["NORMAL", "FULL"] * 2 if backend == "sqlite" else ["on"] * 4)
