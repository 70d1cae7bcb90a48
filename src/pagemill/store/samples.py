"""Memory of running tasks over time, in SQL."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, func, insert, select

from pagemill.domain.reports.service_status import TaskSample
from pagemill.store.database import Database, reading, writing
from pagemill.store.records import Values
from pagemill.store.tables import task_metrics, tasks


class SqlTaskSamples:
    """`TaskSamples` on SQLite and PostgreSQL, in the table `task_metrics`. Runs in the server process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @writing
    def add(self, connection: Connection, samples: Sequence[TaskSample]) -> None:
        """See `TaskSamples.add`."""
        if not samples:
            return
        known = select(tasks.c.task_id).where(tasks.c.task_id.in_({sample.task_id for sample in samples}))
        # a task cannot go while its row is locked; on SQLite there is no other writer
        found = set(connection.execute(known.with_for_update(read=True, key_share=True)).scalars())
        rows = [_row(sample) for sample in samples if sample.task_id in found]
        if rows:
            connection.execute(insert(task_metrics), rows)

    @reading
    def read(self, connection: Connection, task_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[TaskSample]:
        """See `TaskSamples.read`."""
        query = select(task_metrics).where(task_metrics.c.task_id == task_id, task_metrics.c.metric_id > after)
        rows = connection.execute(query.order_by(task_metrics.c.metric_id).limit(limit))
        return [_sample(row) for row in rows.mappings()]

    @reading
    def find_latest(self, connection: Connection, task_id: str) -> Sequence[TaskSample]:
        """See `TaskSamples.find_latest`."""
        of_task = task_metrics.c.task_id == task_id
        newest = select(func.max(task_metrics.c.timestamp)).where(of_task).scalar_subquery()
        query = select(task_metrics).where(of_task, task_metrics.c.timestamp == newest)
        return [_sample(row) for row in connection.execute(query).mappings()]


def _sample(row: RowMapping) -> TaskSample:
    return TaskSample(
        task_id=row["task_id"],
        timestamp=row["timestamp"],
        memory_usage_mb=row["memory_usage_mb"],
        device=row["device"],
        processing_stage=row["processing_stage"],
        sequence=row["metric_id"],
    )


def _row(sample: TaskSample) -> Values:
    return {
        "task_id": sample.task_id,
        "timestamp": sample.timestamp,
        "memory_usage_mb": sample.memory_usage_mb,
        "device": sample.device,
        "processing_stage": sample.processing_stage,
    }
