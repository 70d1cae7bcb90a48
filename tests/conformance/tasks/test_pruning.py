"""The duty that deletes: what is kept long enough goes with its files, and nothing else does."""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures.stores import Stores, new_task

from pagemill.domain.callers import AdminUse
from pagemill.domain.errors import NotFound
from pagemill.domain.ports import Retention
from pagemill.domain.task.task import StoredDocument, Task, TaskCreateRequest, TaskStatus
from pagemill.store.audit_log import SqlAuditLog
from pagemill.store.retention import SqlRetention
from pagemill.tasks.duties.pruning import Pruning, PruningConfig

DAY = timedelta(days=1)


def _make_pruning(stores: Stores, folder: Path) -> Pruning:
    retention: Retention = SqlRetention(stores.database, stores.clock)
    config = PruningConfig(7 * DAY, uploads=folder / "uploads", work_dir=folder / "work")
    return Pruning(
        config,
        store=stores.tasks,
        retention=retention,
        audit=SqlAuditLog(stores.database, stores.clock),
        now=stores.clock.now,
        remove_parts=lambda: 0,
    )


def _file(stores: Stores, path: Path, *, age: timedelta = timedelta(0)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    moment = (stores.clock.now() - age).timestamp()
    os.utime(path, (moment, moment))
    return path


async def _end_task(stores: Stores, folder: Path, name: str) -> tuple[Task, Path]:
    path = _file(stores, folder / "uploads" / name)
    new = new_task(name)
    document = StoredDocument(str(path), name, 1, "0" * 64)
    object.__setattr__(new, "request", TaskCreateRequest(document))
    await stores.tasks.create(new)
    return await stores.tasks.transition(name, TaskStatus.CANCELLED), path


async def test_tasks_go_with_their_documents_when_their_time_is_over(stores: Stores, tmp_path: Path) -> None:
    _, old = await _end_task(stores, tmp_path, "old")
    stores.clock.turn(DAY)
    _, young = await _end_task(stores, tmp_path, "young")
    stores.clock.turn(6 * DAY)
    results = [_file(stores, tmp_path / "work" / f"{name}.results" / "a.pdf") for name in ("old", "young")]
    await _make_pruning(stores, tmp_path).run_once()
    assert (old.exists(), young.exists()) == (False, True)
    assert [result.exists() for result in results] == [False, True], "results as files go with their task"
    with pytest.raises(NotFound):
        await stores.tasks.get("old")
    assert (await stores.tasks.get("young")).task_id == "young"


async def test_uses_of_admin_rights_go_when_their_time_is_over(stores: Stores, tmp_path: Path) -> None:
    audit = SqlAuditLog(stores.database, stores.clock)
    for name in ("old", "young"):
        await audit.record(AdminUse("boss", "", "keys create", name))
        stores.clock.turn(364 * DAY)
    await _make_pruning(stores, tmp_path).run_once()
    assert [entry.use.target for entry in await audit.read()] == ["young"]


async def test_more_than_fit_in_a_batch_all_go(stores: Stores, tmp_path: Path) -> None:
    names: Sequence[str] = [f"task-{number:03}" for number in range(60)]
    for name in names:
        await stores.tasks.create(new_task(name))
    stores.clock.turn(7 * DAY)
    await _make_pruning(stores, tmp_path).run_once()
    assert list(await stores.tasks.list_tasks()) == []


async def test_files_that_belong_to_no_task_go_once_they_are_old(stores: Stores, tmp_path: Path) -> None:
    _, kept = await _end_task(stores, tmp_path, "known")
    stores.clock.turn(timedelta(hours=2))
    orphan = _file(stores, tmp_path / "uploads" / "orphan", age=timedelta(hours=2))
    arriving = _file(stores, tmp_path / "uploads" / "arriving")
    abandoned = _file(stores, tmp_path / "work" / "nobody" / "file", age=timedelta(hours=2)).parent
    os.utime(abandoned, (0, 0))
    await _make_pruning(stores, tmp_path).run_once()
    assert [path.exists() for path in (kept, orphan, arriving, abandoned)] == [True, False, True, False]
