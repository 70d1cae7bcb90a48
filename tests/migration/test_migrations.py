"""Schema changes with data in place, up and down, on both databases."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool
from tests.fixtures.stores import Stores, TurnedClock, new_task, read_page, start_database

from pagemill.domain.errors import DatabaseUnavailable, InvalidSettings, TaskFailureReason
from pagemill.domain.memory import CPU
from pagemill.domain.task.task import TRANSITIONS, CacheUse, TaskOptions, TaskStatus
from pagemill.domain.work.recognition import RecognitionOptions
from pagemill.store import migrate
from pagemill.store.dialects import parse_url, sync_url
from pagemill.store.tables import metadata

RESOURCE_COLUMNS = {
    "estimated_memory_mb": None,
    "actual_memory_mb": None,
    "assigned_device": None,
    "service_instance_id": None,
    "resource_cleanup_completed": False,
}
NEWEST = "0302"
ADD_TASK = """
INSERT INTO tasks (task_id, status, document_path, document_name, document_size_bytes, document_sha256, kind,
                   page_count, options, fingerprint, created_at, queue_order, pages_total, pages_done)
VALUES (:id, :status, '/in/a', 'ä.pdf', 7, 'ab', 'pdf', 2, '{"priority": 3}', 'f00', :time, :time, 2, 1)
"""
ADD_PAGE = "INSERT INTO task_pages (task_id, number, state, stage) VALUES (:id, :number, :state, 'ocr')"
ADD_RESULT = "INSERT INTO page_results VALUES (:id, 1, 'f00', 'raw', :payload, :time)"
MOMENT = "'2026-01-01 00:00:00.000000'"
IN_QUARANTINE = "document_sha256, page_number, model_set, limit_bytes, reason, message, created_at"
IN_OTHER_TABLES = (
    f"INSERT INTO document_batches VALUES ('b', {MOMENT}, 1, '', NULL, 'c')",  # noqa: S608
    "UPDATE tasks SET batch_id = 'b'",
    "UPDATE task_pages SET device = 'cuda:0', rung = 2 WHERE number = 2",
    f"INSERT INTO idempotency_keys SELECT '', task_id, 'c', task_id, {MOMENT} FROM tasks",  # noqa: S608
    "INSERT INTO task_labels SELECT task_id, 'ünit', 'a:b' FROM tasks",
    f"INSERT INTO webhook_deliveries VALUES (7, 'm', 'u', 'out_of_memory', {MOMENT}, 1, {MOMENT}, NULL, NULL)",  # noqa: S608
    "UPDATE task_pages SET warnings = '[]' WHERE number = 1",
    f"INSERT INTO api_keys VALUES ('k', 'n', 'read', 'd', {MOMENT}, NULL, {MOMENT})",  # noqa: S608
    f"INSERT INTO audit_log VALUES (1, {MOMENT}, 'n', 'k', 'list', '', 'o', {MOMENT}, {MOMENT}, 2)",  # noqa: S608
    f"INSERT INTO learned_state VALUES ('memory', '[1]', {MOMENT})",  # noqa: S608
    f"INSERT INTO nodes VALUES ('o', 'm', 'n', '1', '{{}}', '{{}}', true, {MOMENT})",  # noqa: S608
    f"INSERT INTO page_quarantine ({IN_QUARANTINE}) VALUES ('ab', 2, 'm', 5, 'timeout', 'It hung.', {MOMENT})",  # noqa: S608
)
"""What the tables beside tasks, pages and results hold, from the first schema on."""
REASONS_OF_RESOURCES = ("out_of_memory", "pool_exhausted", "device_unavailable", "memory_limit_exceeded")
WITH_REASON = (("tasks", "failure_reason"), ("task_pages", "failure_reason"), ("page_quarantine", "reason"))
ALL_OPTIONS = TaskOptions(
    recognition=RecognitionOptions(allow_lower_resolution=True, structure=True),
    labels={"year": "2026"},
    deadline_seconds=60,
    time_to_live_seconds=60,
    cache=CacheUse.USE,
    webhook_url="https://example.org/",
)
NEVER_RELEASED = ("0001", "0012", "0101", "0107", "0201", "0204")
NEWER = ("0303", "9999")


@contextmanager
def _connect(url: str) -> Iterator[Connection]:
    engine = create_engine(sync_url(parse_url(url)), poolclass=NullPool)
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        yield connection
    engine.dispose()


def _populate(url: str, *statuses: TaskStatus) -> None:
    time = datetime(2025, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    with _connect(url) as connection:
        moment = time if connection.dialect.name == "postgresql" else time.replace(tzinfo=None).isoformat(" ")
        for status in statuses:
            values = {"id": f"old-{status}", "status": status.value, "time": moment, "payload": b"\x00page"}
            connection.execute(text(ADD_TASK), values)
            for number, state in ((1, "done"), (2, "queued")):
                connection.execute(text(ADD_PAGE), {**values, "number": number, "state": state})
            connection.execute(text(ADD_RESULT), values)


def _fill_other_tables(url: str) -> None:
    with _connect(url) as connection:
        for statement in IN_OTHER_TABLES:
            connection.exec_driver_sql(statement)


def _rows(url: str, table: str) -> list[dict[str, object]]:
    with _connect(url) as connection:
        rows = connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2")).mappings()  # noqa: S608
        return [dict(row) for row in rows]


def _everything(url: str) -> dict[str, list[dict[str, object]]]:
    return {table: _rows(url, table) for table in sorted(_tables(url) - {"alembic_version"})}


def _tables(url: str) -> set[str]:
    with _connect(url) as connection:
        return set(inspect(connection).get_table_names())


def test_an_older_schema_goes_up_and_down_with_its_data(empty_database: str) -> None:
    migrate.upgrade(empty_database, migrate.OLDER_SCHEMA)
    assert _tables(empty_database).isdisjoint({"task_events", "task_metrics"})
    _populate(empty_database, *TaskStatus)
    _fill_other_tables(empty_database)
    older = _everything(empty_database)
    assert all(older.values())
    assert not set(RESOURCE_COLUMNS) & set(older["tasks"][0])

    migrate.upgrade(empty_database)
    newer = _everything(empty_database)
    assert set(newer) - set(older) == {"task_events", "task_metrics"}
    for before, after in zip(older["tasks"], newer["tasks"], strict=True):
        device = None if TaskStatus(str(before["status"])).is_final else "cpu"
        assert after == {**before, **RESOURCE_COLUMNS, "assigned_device": device}
    for table in set(older) - {"tasks"}:
        assert newer[table] == older[table]

    _track_resources(empty_database)
    migrate.downgrade(empty_database, migrate.OLDER_SCHEMA)
    assert _everything(empty_database) == older


def _track_resources(url: str) -> None:
    with _connect(url) as connection:
        for statement in (
            "UPDATE tasks SET estimated_memory_mb = 5, service_instance_id = 's', resource_cleanup_completed = true",
            f"INSERT INTO task_events SELECT 1, task_id, 'resource_acquired', {MOMENT}, '{{}}' FROM tasks LIMIT 1",  # noqa: S608
            f"INSERT INTO task_metrics SELECT 1, task_id, {MOMENT}, 5, 'cpu', 'ocr' FROM tasks LIMIT 1",  # noqa: S608
        ):
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize("reason", REASONS_OF_RESOURCES)
def test_reasons_of_resources_come_and_go(empty_database: str, reason: str) -> None:
    migrate.upgrade(empty_database, migrate.OLDER_SCHEMA)
    _populate(empty_database, TaskStatus.FAILED)
    _fill_other_tables(empty_database)
    written = {table: f"UPDATE {table} SET {column} = '{reason}'" for table, column in WITH_REASON}  # noqa: S608
    assert not any(_is_accepted(empty_database, statement) for statement in written.values())
    migrate.upgrade(empty_database)
    assert all(_is_accepted(empty_database, statement) for statement in written.values())
    newer = _everything(empty_database)

    migrate.downgrade(empty_database, migrate.OLDER_SCHEMA)
    assert not any(_is_accepted(empty_database, statement) for statement in written.values())
    migrate.upgrade(empty_database)
    for table, column in WITH_REASON:
        newer[table] = [{**row, column: "internal_error"} for row in newer[table]]
    assert _everything(empty_database) == newer
    assert migrate.check(empty_database) == []


async def test_what_went_down_and_up_again_is_read_on(empty_database: str) -> None:
    migrate.upgrade(empty_database)
    async with start_database(empty_database) as database:
        stores = Stores(database, TurnedClock())
        await stores.queue.add_task(await stores.tasks.create(new_task("a", pages=3, options=ALL_OPTIONS)))
        assert await stores.queue.get_next_task(CPU) is not None
        lease = await stores.claim("a", limit=2)
        await stores.pages.commit_pages(lease, [read_page(number) for number in lease.pages])
    migrate.downgrade(empty_database, migrate.OLDER_SCHEMA)
    migrate.upgrade(empty_database)
    async with start_database(empty_database) as database:
        stores = Stores(database, TurnedClock())
        assert (await stores.tasks.get("a")).options == ALL_OPTIONS
        assert [payload async for payload in stores.tasks.results("a")] == [read_page(n).payload for n in (1, 2)]


async def test_work_of_an_older_schema_goes_on_where_it_stood(empty_database: str) -> None:
    migrate.upgrade(empty_database, migrate.OLDER_SCHEMA)
    _populate(empty_database, TaskStatus.QUEUED)
    migrate.upgrade(empty_database)
    async with start_database(empty_database) as database:
        stores = Stores(database, TurnedClock())
        task = await stores.queue.get_next_task(CPU)
        assert task is not None
        lease = await stores.claim(task.task_id)
        assert lease.pages == (2,)
        await stores.pages.commit_pages(lease, [read_page(2)])
        assert [task.status for task in await stores.pages.finish_completed()] == [TaskStatus.SUCCEEDED]


def test_the_models_are_the_migrated_schema(empty_database: str) -> None:
    migrate.upgrade(empty_database)
    assert migrate.check(empty_database) == []
    with _connect(empty_database) as connection:
        for table in metadata.tables.values():
            stored = [column["name"] for column in inspect(connection).get_columns(table.name)]
            assert stored == [column.name for column in table.columns]


def test_a_difference_is_told(empty_database: str) -> None:
    assert migrate.current(empty_database) is None
    migrate.upgrade(empty_database)
    with _connect(empty_database) as connection:
        connection.execute(text("DELETE FROM task_transitions WHERE status_before = 'cancelling'"))
    assert migrate.check(empty_database) == ["task_transitions lacks ('cancelling', 'cancelled')."]
    with _connect(empty_database) as connection:
        on_table = " ON tasks" if connection.dialect.name == "postgresql" else ""
        connection.execute(text(f"DROP TRIGGER tr_tasks_status{on_table}"))
    assert "tr_tasks_status" in migrate.check(empty_database)[1]
    with _connect(empty_database) as connection:
        connection.execute(text("DROP INDEX ix_tasks_admission"))
    (difference,) = migrate.check(empty_database)
    assert "ix_tasks_admission" in difference


def test_going_down_to_the_base_leaves_nothing_and_up_again_everything(empty_database: str) -> None:
    migrate.upgrade(empty_database)
    _populate(empty_database, TaskStatus.QUEUED)
    migrate.downgrade(empty_database, "base")
    assert _tables(empty_database) == {"alembic_version"}
    migrate.upgrade(empty_database)
    migrate.upgrade(empty_database)
    assert (migrate.current(empty_database), migrate.check(empty_database)) == (NEWEST, [])


def test_every_reason_of_the_domain_can_be_stored(database_url: str) -> None:
    _populate(database_url, TaskStatus.FAILED)
    for reason in TaskFailureReason:
        assert _is_accepted(database_url, f"UPDATE tasks SET failure_reason = '{reason}'")  # noqa: S608


def test_databases_of_other_versions_are_refused_and_stay_as_they_are(empty_database: str) -> None:
    migrate.upgrade(empty_database)
    _populate(empty_database, TaskStatus.QUEUED)
    _fill_other_tables(empty_database)
    for revision in (*NEVER_RELEASED, *NEWER):
        with _connect(empty_database) as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))  # noqa: S608
        _check_that_it_is_refused(empty_database, revision)


def _check_that_it_is_refused(url: str, revision: str) -> None:
    _leave_wal(url)
    before, content = _everything(url), _bytes(url)
    advice = "Use that version" if revision in NEWER else "empty `data_dir`"
    for refused in (
        lambda: migrate.upgrade(url),
        lambda: migrate.upgrade(url, migrate.OLDER_SCHEMA),
        lambda: migrate.downgrade(url, "base"),
        lambda: migrate.current(url),
        lambda: migrate.check(url),
    ):
        with pytest.raises(InvalidSettings, match=rf"revision {revision}.*{advice}") as refusal:
            refused()
        assert migrate.why_unusable(url) == refusal.value.message
    assert _bytes(url) == content
    assert _everything(url) == before
    with _connect(url) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [revision]


@pytest.mark.parametrize("revision", [None, "base", migrate.OLDER_SCHEMA, NEWEST])
def test_a_database_of_a_known_version_can_be_used(empty_database: str, revision: str | None) -> None:
    if revision is not None:
        migrate.upgrade(empty_database)
        migrate.downgrade(empty_database, revision)
    file = Path(str(parse_url(empty_database).database))
    was_there = file.exists()
    assert migrate.why_unusable(empty_database) is None
    assert file.exists() is was_there


def _leave_wal(url: str) -> None:
    """As a file from a backup is; the first of our own connections would change it."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(str(parse_url(url).database))) as connection:
            assert connection.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)


def _bytes(url: str) -> bytes:
    return Path(str(parse_url(url).database)).read_bytes() if url.startswith("sqlite") else b""


@pytest.mark.parametrize("url", ["postgresql://u:secret@localhost:1/x", "sqlite:///{folder}/not-a-database"])
def test_a_database_that_cannot_be_opened_is_told_in_one_sentence(url: str, tmp_path: Path) -> None:
    (tmp_path / "not-a-database").write_bytes(b"something else " * 100)
    url = url.format(folder=tmp_path)
    reason = migrate.why_unusable(url)
    assert reason is not None
    assert "database_url" in reason
    assert "secret" not in reason
    with pytest.raises(DatabaseUnavailable):
        migrate.current(url)


def test_migrating_from_several_places_at_once_is_safe(empty_database: str) -> None:
    failures: list[BaseException] = []
    together = threading.Barrier(4)

    def upgrade() -> None:
        together.wait(timeout=20)
        try:
            migrate.upgrade(empty_database)
        except Exception as error:  # noqa: BLE001  # whatever it is, the test tells it
            failures.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert migrate.check(empty_database) == []


def test_the_database_itself_refuses_what_the_state_machine_lacks(database_url: str) -> None:
    for before in TaskStatus:
        for after in TaskStatus:
            with _connect(database_url) as connection:
                connection.execute(text("DELETE FROM tasks"))
            _populate(database_url, before)
            allowed = after is before or after in TRANSITIONS[before]
            assert _is_accepted(database_url, _set_status(after)) is allowed, (before, after)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tasks SET kind = 'doc'",
        "UPDATE tasks SET failure_reason = 'OUT_OF_MEMORY'",
        "UPDATE task_pages SET failure_reason = 'bad_luck'",
        f"INSERT INTO page_quarantine ({IN_QUARANTINE}) VALUES ('ab', 1, 'm', 1, 'TIMEOUT', '', '2026-01-01')",  # noqa: S608
        "UPDATE task_pages SET state = 'lost'",
        "UPDATE task_pages SET stage = 'dream'",
        "UPDATE task_pages SET state = 'leased'",
        "UPDATE task_pages SET task_id = 'nobody'",
        "UPDATE tasks SET status = 'paused'",
        "INSERT INTO task_events VALUES (1, 'old-queued', 'exploded', '2026-01-01', '{}')",
    ],
)
def test_the_database_itself_refuses_values_that_are_not_of_the_domain(database_url: str, statement: str) -> None:
    _populate(database_url, TaskStatus.QUEUED)
    assert not _is_accepted(database_url, statement)


def _set_status(status: TaskStatus) -> str:
    return f"UPDATE tasks SET status = '{status}'"  # noqa: S608


def _is_accepted(url: str, statement: str) -> bool:
    try:
        with _connect(url) as connection:
            connection.execute(text(statement))
    except IntegrityError:
        return False
    return True


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused_with_advice(url: str) -> None:
    with pytest.raises(InvalidSettings, match="sqlite:///"):
        migrate.upgrade(url)
