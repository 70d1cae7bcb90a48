"""What people may do to tasks, and what is left where it is refused."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.stores import Stores
from tests.fixtures.tasks_room import Room

from pagemill.domain.documents import DocumentInfo, DocumentKind, PageSize
from pagemill.domain.errors import (
    Conflict,
    DeviceUnavailable,
    DocumentTooLarge,
    EncryptedDocument,
    IllegalTransition,
    InvalidRequest,
    NeverFits,
    PagemillError,
    QueueFull,
)
from pagemill.domain.memory import CPU, MIB, Ceiling, DeviceId, MemoryNeed
from pagemill.domain.outgoing import OutgoingRules
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import (
    PageState,
    StoredDocument,
    Task,
    TaskCreateRequest,
    TaskOptions,
    TaskStartRequest,
    TaskStatus,
)
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.domain.work.nodes import Node, NodeDevice
from pagemill.domain.work.recognition import Stage
from pagemill.engines.registry import engine_specs
from pagemill.store.idempotency import SqlSubmissions
from pagemill.store.task_queue import QueueConfig
from pagemill.tasks.manager import TaskManager, TaskManagerConfig
from pagemill.tasks.nodes import NodeRules
from pagemill.tasks.removal import RESULTS_SUFFIX
from pagemill.testing.memory import FakeAdmission, FakeEstimator

GPU = DeviceId("cuda:0")


class Inspector:
    """Sees the same document everywhere."""

    async def inspect(self, path: str, *, caller: str = "", password: str | None = None) -> DocumentInfo:
        del path, caller, password
        return DocumentInfo(DocumentKind.PDF, 3, (PageSize(595, 842),))


@pytest.fixture
def room(stores: Stores, tmp_path: Path) -> Room:
    return Room(stores, tmp_path / "work")


def manager_in(
    room: Room,
    *,
    max_pages: int = 3,
    working_mib: int = 80,
    engines: Mapping[str, EngineSpec] | None = None,
    on_gpu: MemoryNeed | None = None,
    webhooks: bool = False,
    private: bool = False,
) -> TaskManager:
    estimator = FakeEstimator(working_mib=working_mib)
    estimator.elsewhere = {} if on_gpu is None else {GPU: on_gpu}
    return TaskManager(
        TaskManagerConfig(max_pages=max_pages, sends_webhooks=webhooks, outgoing=OutgoingRules(allow_private=private)),
        engines=engines or engine_specs(),
        inspector=Inspector(),
        estimator=estimator,
        memory=room.memory,
        queue=room.stores.queue,
        store=room.stores.tasks,
        pages=room.stores.pages,
        submissions=SqlSubmissions(room.stores.database, room.stores.clock),
        handlers=room.handlers,
        dispatcher=room.dispatcher,
        watch=room.watch,
        clock=room.stores.clock,
        passwords=room.passwords,
        nodes=room.nodes,
        work_dir=room.work_dir,
    )


def document(tmp_path: Path) -> StoredDocument:
    file = tmp_path / "upload"
    file.write_bytes(b"%PDF")
    return StoredDocument(str(file), "a.pdf", 4, hashlib.sha256(b"%PDF").hexdigest())


def has_file(kept: StoredDocument) -> bool:
    return Path(kept.path).exists()


async def create(room: Room, tmp_path: Path, **options: object) -> Task:
    request = TaskCreateRequest(document(tmp_path), TaskOptions.model_validate(options))
    return await manager_in(room).create_task(request)


async def test_a_new_task_is_estimated_placed_and_queued(room: Room, tmp_path: Path) -> None:
    task = await create(room, tmp_path, pages="1,-1")
    assert (task.status, task.pages_total, task.page_count) == (TaskStatus.QUEUED, 2, 3)
    assert (task.estimated_memory_mb, task.assigned_device) == (80, CPU)
    assert [page.stage for page in await room.stores.tasks.pages(task.task_id)] == [Stage.TEXT] * 2


@pytest.mark.parametrize(("max_pages", "working_mib", "error"), [(2, 80, DocumentTooLarge), (3, 9 * 1024, NeverFits)])
async def test_what_is_refused_leaves_no_task(
    room: Room, tmp_path: Path, *, max_pages: int, working_mib: int, error: type[PagemillError]
) -> None:
    manager = manager_in(room, max_pages=max_pages, working_mib=working_mib)
    request = TaskCreateRequest(document(tmp_path), TaskOptions())
    with pytest.raises(error):
        await manager.create_task(request)
    assert await room.stores.tasks.list_tasks() == []
    assert has_file(request.document), "the document is still the caller's"


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://a.example/", "http://a..b/"])
@pytest.mark.parametrize(("webhooks", "private"), [(False, False), (True, False), (True, True)])
async def test_a_webhook_that_could_never_be_delivered_leaves_no_task(
    room: Room, tmp_path: Path, *, url: str, webhooks: bool, private: bool
) -> None:
    manager = manager_in(room, webhooks=webhooks, private=private)
    request = TaskCreateRequest(document(tmp_path), TaskOptions(webhook_url=url))
    if webhooks and (url == "http://a.example/" or (private and "127" in url)):
        assert (await manager.create_task(request)).options.webhook_url == url
        return
    with pytest.raises(InvalidRequest):
        await manager.create_task(request)
    assert await room.stores.tasks.list_tasks() == []


async def test_a_full_queue_leaves_no_task(stores: Stores, tmp_path: Path) -> None:
    room = Room(Stores(stores.database, stores.clock, QueueConfig(max_queue_size=1)), tmp_path / "work")
    await stores.add_queued("waiting")
    with pytest.raises(QueueFull):
        await create(room, tmp_path)
    assert [task.task_id for task in await stores.tasks.list_tasks()] == ["waiting"]


async def test_a_task_under_way_is_neither_started_nor_moved(room: Room) -> None:
    await room.stores.add_queued("a", device=GPU)
    await room.stores.queue.get_next_task(GPU)
    with pytest.raises(IllegalTransition):
        await manager_in(room).start_task("a", TaskStartRequest(device="cpu"))
    task = await room.stores.tasks.get("a")
    assert (task.status, task.assigned_device) == (TaskStatus.RUNNING, GPU)
    assert TaskEvent.REQUEUED not in await room.kinds()


async def test_a_task_is_not_started_on_a_device_that_is_not_there(room: Room, tmp_path: Path) -> None:
    task = await create(room, tmp_path, start=False)
    with pytest.raises(DeviceUnavailable):
        await manager_in(room).start_task(task.task_id, TaskStartRequest(device="cuda:5"))
    started = await manager_in(room).start_task(task.task_id, TaskStartRequest(device="cpu"))
    assert (started.status, started.assigned_device) == (TaskStatus.QUEUED, CPU)


BOTH = {"rapidocr": replace(engine_specs()["rapidocr"], device_kinds=("cpu", "cuda"))}


@pytest.mark.parametrize(
    ("gpu_mib", "requested", "device", "estimated"),
    [
        (1000, None, GPU, 300),
        (1000, "cpu", CPU, 80),
        (299, None, CPU, 80),
        (299, "cuda:0", None, None),
        (0, "cpu", CPU, 80),
    ],
)
async def test_a_task_is_estimated_for_the_device_it_gets(
    stores: Stores, tmp_path: Path, gpu_mib: int, requested: str | None, device: DeviceId | None, estimated: int | None
) -> None:
    room = Room(stores, tmp_path / "work", memory=FakeAdmission({CPU: 1024 * MIB, GPU: gpu_mib * MIB}))
    manager = manager_in(room, engines=BOTH, on_gpu=MemoryNeed(150 * MIB, 300 * MIB))
    request = TaskCreateRequest(document(tmp_path), TaskOptions(device=requested))
    if device is None:
        with pytest.raises(NeverFits, match=r"300 MiB of memory of cuda:0.*Or send it without naming a device"):
            await manager.create_task(request)
        return
    task = await manager.create_task(request)
    assert (task.assigned_device, task.estimated_memory_mb) == (device, estimated)


@pytest.mark.parametrize(
    ("requested", "device", "estimated"), [("cpu", CPU, 80), ("cuda:0", GPU, 300), (None, GPU, 300)]
)
async def test_a_task_that_is_started_is_estimated_for_the_device_it_gets_then(
    stores: Stores, tmp_path: Path, requested: str | None, device: DeviceId, estimated: int
) -> None:
    room = Room(stores, tmp_path / "work")
    manager = manager_in(room, engines=BOTH, on_gpu=MemoryNeed(150 * MIB, 300 * MIB))
    task = await manager.create_task(TaskCreateRequest(document(tmp_path), TaskOptions(start=False)))
    assert (task.assigned_device, task.estimated_memory_mb) == (CPU, 80)
    room.memory.limits[GPU] = 1000 * MIB
    started = await manager.start_task(task.task_id, TaskStartRequest(device=requested))
    assert (started.assigned_device, started.estimated_memory_mb) == (device, estimated)


@pytest.mark.parametrize(("device", "places"), [("cuda:0", 9), ("cuda:5", 9), ("cpu", 1)])
async def test_a_start_that_is_refused_leaves_the_task_as_it_was(
    stores: Stores, tmp_path: Path, device: str, places: int
) -> None:
    few = Stores(stores.database, stores.clock, QueueConfig(max_queue_size=places))
    room = Room(few, tmp_path / "work", memory=FakeAdmission({CPU: 1024 * MIB, GPU: 1000 * MIB}))
    manager = manager_in(room, engines=BOTH, on_gpu=MemoryNeed(150 * MIB, 300 * MIB))
    task = await manager.create_task(TaskCreateRequest(document(tmp_path), TaskOptions(start=False)))
    await stores.add_queued("waiting")
    room.memory.limits[GPU] = 299 * MIB
    with pytest.raises((NeverFits, DeviceUnavailable, QueueFull)):
        await manager.start_task(task.task_id, TaskStartRequest(device=device))
    assert await stores.tasks.get(task.task_id) == task
    assert await room.kinds(task.task_id) == [TaskEvent.CREATED]


async def test_a_waiting_task_is_cancelled_at_once_and_only_once(room: Room) -> None:
    await room.stores.add_queued("a")
    manager = manager_in(room)
    assert (await manager.cancel_task("a")).status is TaskStatus.CANCELLED
    assert (await manager.cancel_task("a")).status is TaskStatus.CANCELLED
    kinds = await room.kinds()
    assert (kinds.count(TaskEvent.CANCEL_REQUESTED), kinds.count(TaskEvent.CANCELLED)) == (1, 1)
    assert await room.states() == [PageState.CANCELLED] * 3
    await room.follower.stop()


async def test_a_running_task_is_cancelled_with_one_event_of_each_kind(room: Room) -> None:
    await room.stores.add_running("a")
    assert (await manager_in(room).cancel_task("a")).status is TaskStatus.CANCELLED
    kinds = await room.kinds()
    assert (kinds.count(TaskEvent.CANCEL_REQUESTED), kinds.count(TaskEvent.CANCELLED)) == (1, 1)
    await room.follower.stop()


async def test_what_is_over_cannot_be_cancelled(room: Room) -> None:
    await room.stores.add_running("a")
    await room.stores.tasks.transition("a", TaskStatus.FAILED)
    with pytest.raises(IllegalTransition):
        await manager_in(room).cancel_task("a")


async def test_a_task_is_deleted_with_its_document_once_it_is_over(room: Room, tmp_path: Path) -> None:
    task = await create(room, tmp_path)
    manager = manager_in(room)
    with pytest.raises(Conflict):
        await manager.delete_task(task.task_id)
    assert has_file(task.document)
    await manager.cancel_task(task.task_id)
    beside = [room.work_dir / name for name in (task.task_id, f"{task.task_id}{RESULTS_SUFFIX}")]
    for folder in beside:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "page.pdf").touch()
    await manager.delete_task(task.task_id)
    assert not has_file(task.document)
    assert not any(folder.exists() for folder in beside), "nor are its pictures and results left"
    assert await room.stores.tasks.list_tasks() == []
    await room.follower.stop()


@pytest.mark.parametrize("ended", [TaskStatus.CANCELLED, TaskStatus.FAILED])
async def test_a_task_of_read_pages_that_ended_since_it_was_looked_at_is_announced_as_it_is(
    room: Room, tmp_path: Path, ended: TaskStatus
) -> None:
    seen = await create(room, tmp_path)
    nothing_left = replace(seen, pages_done=seen.pages_total)
    for status in (TaskStatus.RUNNING, ended):
        await room.stores.tasks.transition(seen.task_id, status)
    assert (await manager_in(room).announce(nothing_left)).status is ended


async def test_a_server_that_takes_requests_only_refuses_documents_with_a_password(room: Room, tmp_path: Path) -> None:
    for keeps in (True, False):
        config = TaskManagerConfig(keeps_passwords=keeps)
        request = TaskCreateRequest(document(tmp_path), TaskOptions(), password="a" * 8)
        manager = room.manager(ProtectedDocuments(), config)
        if keeps:
            assert (await manager.prepare(request)).password_at is not None
            continue
        with pytest.raises(EncryptedDocument, match="takes requests only"):
            await manager.prepare(request)


class ProtectedDocuments(Inspector):
    async def inspect(self, path: str, *, caller: str = "", password: str | None = None) -> DocumentInfo:
        info = await super().inspect(path, caller=caller, password=password)
        return replace(info, needs_password=True)


@pytest.mark.parametrize("reads_pages", [True, False])
@pytest.mark.parametrize("there", [None, "without the engine", "too small", "large enough", "gone", "long gone"])
@pytest.mark.parametrize("here", ["too small", "large enough"])
async def test_the_door_takes_what_some_node_can_hold(
    room: Room, tmp_path: Path, here: str, there: str | None, *, reads_pages: bool
) -> None:
    own_mb = 1024 if here == "large enough" else 50
    room = replace(room, reads_pages=reads_pages, memory=FakeAdmission({CPU: own_mb * MIB}))
    if there is not None:
        size = 50 if there == "too small" else 1024
        engines = {} if there == "without the engine" else {"rapidocr": {"accurate": ()}}
        devices = {CPU: NodeDevice(Ceiling(size * MIB), 1)}
        await room.stores.nodes.announce(Node("b", "other machine", "b", "1", devices=devices, engines=engines))
    rules = NodeRules()
    room.stores.clock.turn({"gone": rules.gone_after, "long gone": rules.awaited_for}.get(there or "", timedelta(0)))
    fits = (reads_pages and here == "large enough") or there in ("large enough", "gone")
    if fits:
        assert (await create(room, tmp_path)).assigned_device == CPU
        return
    with pytest.raises((NeverFits, DeviceUnavailable)) as refusal:
        await create(room, tmp_path)
    is_any = reads_pages or there == "too small"
    assert isinstance(refusal.value, NeverFits) is is_any
    assert ("Start one with `pagemill node`" in refusal.value.message) is not is_any
