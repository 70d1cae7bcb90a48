"""Schema changes with data in place, up and down, on both databases."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, bindparam, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool
from tests.fixtures.stores import Stores, TurnedClock, read_page, started

from pagemill.domain.errors import InvalidSettings, TaskFailureReason
from pagemill.domain.memory import CPU
from pagemill.domain.task.task import TRANSITIONS, TaskStatus
from pagemill.store import migrate
from pagemill.store.columns import Json
from pagemill.store.dialects import parse_url, sync_url

RESOURCE_COLUMNS = {
    "estimated_memory_mb": None,
    "actual_memory_mb": None,
    "assigned_device": None,
    "service_instance_id": None,
    "resource_cleanup_completed": False,
}
NEWEST = "0012"
ADD_TASK = """
INSERT INTO tasks (task_id, status, document_path, document_name, document_size_bytes, document_sha256, kind,
                   page_count, options, fingerprint, created_at, queue_order, pages_total, pages_done)
VALUES (:id, :status, '/in/a', 'ä.pdf', 7, 'ab', 'pdf', 2, '{"priority": 3}', 'f00', :time, :time, 2, 1)
"""
ADD_PAGE = "INSERT INTO task_pages (task_id, number, state, stage) VALUES (:id, :number, :state, 'ocr')"
ADD_RESULT = "INSERT INTO page_results VALUES (:id, 1, 'f00', 'raw', :payload, :time)"
MOMENT = "'2026-01-01 00:00:00.000000'"
PAGE_RETRIED, PRIORITY = '{"page": 2, "reason": "TIMEOUT"}', '{"priority": 0}'
WEBHOOK = '{"failure_reason":"OUT_OF_MEMORY","message":"OUT_OF_MEMORY"}'
ADD_EVENT = "INSERT INTO task_events (task_id, event_type, timestamp, details) SELECT task_id"
ADD_WEBHOOK = "INSERT INTO webhook_deliveries (message_id, url, body, created_at, due_at)"
REASONS_WRITTEN = (
    "UPDATE tasks SET failure_reason = 'OUT_OF_MEMORY', failure_message = 'OUT_OF_MEMORY' WHERE status = 'failed'",
    "UPDATE task_pages SET failure_reason = 'WORKER_CRASHED', state = 'failed' WHERE number = 2",
    f"INSERT INTO page_quarantine VALUES ('ab', 2, 'TIMEOUT', 'It hung.', {MOMENT})",  # noqa: S608
    f"{ADD_EVENT}, 'page_retried', {MOMENT}, '{PAGE_RETRIED}' FROM tasks",
    f"{ADD_EVENT}, 'queued', {MOMENT}, '{PRIORITY}' FROM tasks",
    f"{ADD_WEBHOOK} VALUES ('m', 'u', '{WEBHOOK}', {MOMENT}, {MOMENT})",
)


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(sync_url(parse_url(url)), poolclass=NullPool)
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        yield connection
    engine.dispose()


def _populate(url: str, *statuses: TaskStatus) -> None:
    time = datetime(2025, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    with _connected(url) as connection:
        moment = time if connection.dialect.name == "postgresql" else time.replace(tzinfo=None).isoformat(" ")
        for status in statuses:
            values = {"id": f"old-{status}", "status": status.value, "time": moment, "payload": b"\x00page"}
            connection.execute(text(ADD_TASK), values)
            for number, state in ((1, "done"), (2, "queued")):
                connection.execute(text(ADD_PAGE), {**values, "number": number, "state": state})
            connection.execute(text(ADD_RESULT), values)


def _rows(url: str, table: str) -> list[dict[str, object]]:
    with _connected(url) as connection:
        rows = connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2")).mappings()  # noqa: S608
        return [dict(row) for row in rows]


def _tables(url: str) -> set[str]:
    with _connected(url) as connection:
        return set(inspect(connection).get_table_names())


def test_an_older_schema_goes_up_and_down_with_its_data(empty_database: str) -> None:
    migrate.upgrade(empty_database, migrate.OLDER_SCHEMA)
    assert _tables(empty_database).isdisjoint({"task_events", "task_metrics"})
    _populate(empty_database, *TaskStatus)
    older = {table: _rows(empty_database, table) for table in ("tasks", "task_pages", "page_results")}
    assert not set(RESOURCE_COLUMNS) & set(older["tasks"][0])

    migrate.upgrade(empty_database, "0002")
    assert _tables(empty_database) >= {"task_events", "task_metrics"}
    for before, after in zip(older["tasks"], _rows(empty_database, "tasks"), strict=True):
        device = None if TaskStatus(str(before["status"])).is_final else "cpu"
        assert after == {**before, **RESOURCE_COLUMNS, "assigned_device": device}
    assert [_rows(empty_database, table) for table in ("task_pages", "page_results")] == [
        older["task_pages"],
        older["page_results"],
    ]

    migrate.downgrade(empty_database, migrate.OLDER_SCHEMA)
    assert {table: _rows(empty_database, table) for table in older} == older
    assert _tables(empty_database).isdisjoint({"task_events", "task_metrics"})


def test_the_memory_of_the_ladder_comes_and_goes_with_all_other_data_in_place(empty_database: str) -> None:
    migrate.upgrade(empty_database, "0002")
    _populate(empty_database, *TaskStatus)
    before = {table: _rows(empty_database, table) for table in ("tasks", "task_pages", "page_results")}

    migrate.upgrade(empty_database, "0003")
    assert "page_quarantine" in _tables(empty_database)
    assert {row["rung"] for row in _rows(empty_database, "task_pages")} == {0}
    assert {row["page_pixels"] for row in _rows(empty_database, "tasks")} == {None}

    migrate.downgrade(empty_database, "0002")
    assert "page_quarantine" not in _tables(empty_database)
    assert {table: _rows(empty_database, table) for table in before} == before


def test_deadlines_callers_and_notices_come_and_go_with_all_other_data_in_place(empty_database: str) -> None:
    migrate.upgrade(empty_database, "0003")
    _populate(empty_database, *TaskStatus)
    before = {
        table: _rows(empty_database, table) for table in ("tasks", "task_pages", "page_results", "task_transitions")
    }

    migrate.upgrade(empty_database, "0006")
    assert {(row["caller"], row["deadline_at"], row["delete_at"]) for row in _rows(empty_database, "tasks")} == {
        ("", None, None)
    }
    assert {"status_before": "retrying", "status_after": "cancelling"} in _rows(empty_database, "task_transitions")

    migrate.downgrade(empty_database, "0003")
    assert {table: _rows(empty_database, table) for table in before} == before


def test_labels_can_be_found_by_and_what_was_sent_comes_and_goes_with_all_other_data_in_place(
    empty_database: str,
) -> None:
    migrate.upgrade(empty_database, "0006")
    _populate(empty_database, TaskStatus.QUEUED, TaskStatus.SUCCEEDED)
    with _connected(empty_database) as connection:
        labelled = text("UPDATE tasks SET options = :options WHERE task_id = 'old-queued'")
        labels = bindparam("options", {"labels": {"ünit": "a:b", "year": "2025"}}, type_=Json)
        connection.execute(labelled.bindparams(labels))
    before = {table: _rows(empty_database, table) for table in ("tasks", "task_pages", "page_results", "task_events")}

    migrate.upgrade(empty_database, "0007")
    found = [(row["task_id"], row["name"], row["value"]) for row in _rows(empty_database, "task_labels")]
    assert sorted(found) == [("old-queued", "year", "2025"), ("old-queued", "ünit", "a:b")]
    assert {row["cache_key"] for row in _rows(empty_database, "tasks")} == {None}

    migrate.downgrade(empty_database, "0006")
    assert "webhook_deliveries" not in _tables(empty_database)
    assert {table: _rows(empty_database, table) for table in before} == before


def test_devices_of_pages_come_and_go_with_all_other_data_in_place(empty_database: str) -> None:
    migrate.upgrade(empty_database, "0009")
    _populate(empty_database, *TaskStatus)
    before = {table: _rows(empty_database, table) for table in ("tasks", "task_pages", "page_results")}

    migrate.upgrade(empty_database, "0010")
    assert {row["device"] for row in _rows(empty_database, "task_pages")} == {None}

    migrate.downgrade(empty_database, "0009")
    assert {table: _rows(empty_database, table) for table in before} == before


def test_how_long_tasks_wait_comes_and_goes_with_all_other_data_in_place(empty_database: str) -> None:
    migrate.upgrade(empty_database, "0011")
    _populate(empty_database, *TaskStatus)
    tables = ("tasks", "task_pages", "page_results", "task_events")
    before = {table: _rows(empty_database, table) for table in tables}

    migrate.upgrade(empty_database, "0012")
    after = _rows(empty_database, "tasks")
    assert [row["changed_at"] for row in after] == [row["created_at"] for row in before["tasks"]]
    assert {row["begun"] for row in _rows(empty_database, "task_pages")} <= {False}
    stalled = (
        "INSERT INTO task_events (task_id, event_type, timestamp, details) "
        "SELECT task_id, 'stalled', created_at, '{}' FROM tasks"
    )
    assert _is_accepted(empty_database, stalled)

    migrate.downgrade(empty_database, "0011")
    assert not _is_accepted(empty_database, stalled)
    assert {table: _rows(empty_database, table) for table in before} == before


def test_tasks_that_wait_for_a_first_page_have_waited_since_they_were_queued(empty_database: str) -> None:
    migrate.upgrade(empty_database, "0011")
    _populate(empty_database, *TaskStatus)
    with _connected(empty_database) as connection:
        connection.exec_driver_sql("UPDATE tasks SET queued_at = created_at")
        connection.exec_driver_sql("UPDATE tasks SET lease_token = 1 WHERE status = 'retrying'")
    migrate.upgrade(empty_database, "0012")
    waiting = {row["status"] for row in _rows(empty_database, "tasks") if row["unserved_since"] is not None}
    assert waiting == {"queued", "running"}


async def test_work_of_an_older_schema_goes_on_where_it_stood(empty_database: str) -> None:
    migrate.upgrade(empty_database, migrate.OLDER_SCHEMA)
    _populate(empty_database, TaskStatus.QUEUED)
    migrate.upgrade(empty_database)
    async with started(empty_database) as database:
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


def test_a_difference_is_told(empty_database: str) -> None:
    assert migrate.current(empty_database) is None
    migrate.upgrade(empty_database)
    with _connected(empty_database) as connection:
        connection.execute(text("DELETE FROM task_transitions WHERE status_before = 'cancelling'"))
    assert migrate.check(empty_database) == ["task_transitions lacks ('cancelling', 'cancelled')."]
    with _connected(empty_database) as connection:
        on_table = " ON tasks" if connection.dialect.name == "postgresql" else ""
        connection.execute(text(f"DROP TRIGGER tr_tasks_status{on_table}"))
    assert "tr_tasks_status" in migrate.check(empty_database)[1]
    with _connected(empty_database) as connection:
        connection.execute(text("DROP INDEX ix_tasks_admission"))
    (difference,) = migrate.check(empty_database)
    assert "ix_tasks_admission" in difference


def test_the_quarantine_is_made_anew_both_ways_with_all_other_data_in_place(empty_database: str) -> None:
    migrate.upgrade(empty_database, "0010")
    _populate(empty_database, *TaskStatus)
    with _connected(empty_database) as connection:
        connection.execute(text(f"INSERT INTO page_quarantine VALUES ('ab', 2, 'timeout', 'It hung.', {MOMENT})"))  # noqa: S608
    before = {table: _rows(empty_database, table) for table in ("tasks", "task_pages", "page_results")}

    migrate.upgrade(empty_database, "0011")
    assert _rows(empty_database, "page_quarantine") == []
    for model_set in ("rapidocr/accurate@cpu", "rapidocr/accurate@cuda:0"):
        row = f"('ab', 2, '{model_set}', 5, 'timeout', 'It hung.', {MOMENT})"
        assert _is_accepted(empty_database, f"INSERT INTO page_quarantine VALUES {row}")  # noqa: S608
        assert not _is_accepted(empty_database, f"INSERT INTO page_quarantine VALUES {row}")  # noqa: S608

    migrate.downgrade(empty_database, "0010")
    assert _rows(empty_database, "page_quarantine") == []
    assert _is_accepted(
        empty_database,
        f"INSERT INTO page_quarantine VALUES ('ab', 2, 'timeout', 'It hung.', {MOMENT})",  # noqa: S608
    )
    assert {table: _rows(empty_database, table) for table in before} == before


def test_going_down_to_the_base_leaves_nothing_and_up_again_everything(empty_database: str) -> None:
    migrate.upgrade(empty_database)
    _populate(empty_database, TaskStatus.QUEUED)
    migrate.downgrade(empty_database, "base")
    assert _tables(empty_database) == {"alembic_version"}
    migrate.upgrade(empty_database)
    migrate.upgrade(empty_database)
    assert (migrate.current(empty_database), migrate.check(empty_database)) == (NEWEST, [])


def test_tasks_outlive_the_batches_they_were_sent_in(empty_database: str) -> None:
    migrate.upgrade(empty_database, "0008")
    _populate(empty_database, TaskStatus.QUEUED, TaskStatus.SUCCEEDED)
    with _connected(empty_database) as connection:
        connection.execute(text("UPDATE tasks SET batch_id = 'b'"))
        created = "INSERT INTO document_batches SELECT 'b', min(created_at), 2, '', NULL, 'c' FROM tasks"
        connection.execute(text(created))
    before = _rows(empty_database, "tasks")
    migrate.downgrade(empty_database, "0007")
    assert "document_batches" not in _tables(empty_database)
    kept = [{name: value for name, value in row.items() if name != "batch_id"} for row in before]
    assert _rows(empty_database, "tasks") == kept
    migrate.upgrade(empty_database, "0008")
    assert _rows(empty_database, "tasks") == [{**row, "batch_id": None} for row in before]
    migrate.upgrade(empty_database)
    assert migrate.check(empty_database) == []


def test_reasons_change_their_case_wherever_they_are_written_and_all_else_stays(empty_database: str) -> None:
    migrate.upgrade(empty_database, "0008")
    _populate(empty_database, TaskStatus.QUEUED, TaskStatus.FAILED)
    with _connected(empty_database) as connection:
        for statement in REASONS_WRITTEN:
            connection.exec_driver_sql(statement)
    everything = sorted(_tables(empty_database) - {"alembic_version"})
    before = {table: _readable(_rows(empty_database, table)) for table in everything}

    migrate.upgrade(empty_database, "0009")
    after = {table: _readable(_rows(empty_database, table)) for table in everything}
    assert {row["failure_reason"] for row in after["tasks"]} == {None, "out_of_memory"}
    assert {row["failure_message"] for row in after["tasks"]} == {None, "OUT_OF_MEMORY"}
    assert {row["failure_reason"] for row in after["task_pages"]} == {None, "worker_crashed"}
    assert [row["reason"] for row in after["page_quarantine"]] == ["timeout"]
    assert [row["details"] for row in after["task_events"]] == 2 * [{"page": 2, "reason": "timeout"}] + 2 * [
        {"priority": 0}
    ]
    bodies = [row["body"] for row in after["webhook_deliveries"]]
    assert bodies == ['{"failure_reason":"out_of_memory","message":"OUT_OF_MEMORY"}']
    for accepted in (True, False):
        value = "timeout" if accepted else "TIMEOUT"
        assert _is_accepted(empty_database, f"UPDATE tasks SET failure_reason = '{value}'") is accepted  # noqa: S608
    with _connected(empty_database) as connection:
        connection.exec_driver_sql("UPDATE tasks SET failure_reason = NULL WHERE status <> 'failed'")
        connection.exec_driver_sql("UPDATE tasks SET failure_reason = 'out_of_memory' WHERE status = 'failed'")

    migrate.downgrade(empty_database, "0008")
    assert {table: _readable(_rows(empty_database, table)) for table in everything} == before
    assert not _is_accepted(empty_database, "UPDATE task_pages SET failure_reason = 'timeout'")


def _readable(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """With details as they mean, however they are written."""
    return [
        {
            name: json.loads(value) if name == "details" and isinstance(value, str) else value
            for name, value in row.items()
        }
        for row in rows
    ]


def test_every_reason_of_the_domain_can_be_stored(database_url: str) -> None:
    _populate(database_url, TaskStatus.FAILED)
    for reason in TaskFailureReason:
        assert _is_accepted(database_url, f"UPDATE tasks SET failure_reason = '{reason}'")  # noqa: S608


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
            with _connected(database_url) as connection:
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
        "INSERT INTO page_quarantine VALUES ('ab', 1, 'm', 1, 'TIMEOUT', '', '2026-01-01')",
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
        with _connected(url) as connection:
            connection.execute(text(statement))
    except IntegrityError:
        return False
    return True


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused_with_advice(url: str) -> None:
    with pytest.raises(InvalidSettings, match="sqlite:///"):
        migrate.upgrade(url)
