"""Labels of tasks, in a separate table, so that queries can find tasks by label."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, and_, insert, select, true

from pagemill.store.tables import task_labels, tasks


def keep_labels(connection: Connection, task_id: str, labels: Mapping[str, str]) -> None:
    """Store a new task's labels."""
    rows = [{"task_id": task_id, "name": name, "value": value} for name, value in labels.items()]
    if rows:
        connection.execute(insert(task_labels), rows)


def has_labels(labels: Mapping[str, str]) -> ColumnElement[bool]:
    """Condition on `tasks`: the task has all these labels."""
    return and_(
        true(),
        *(
            select(task_labels.c.task_id)
            .where(task_labels.c.task_id == tasks.c.task_id, task_labels.c.name == name, task_labels.c.value == value)
            .exists()
            for name, value in labels.items()
        ),
    )
