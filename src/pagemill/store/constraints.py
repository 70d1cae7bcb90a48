"""The constraints that Alembic cannot compare: values of enums, and the allowed changes of status."""

import re
from collections.abc import Iterable, Set

from sqlalchemy import Connection, Enum, Table, inspect, select

from pagemill.domain.task.task import TRANSITIONS
from pagemill.store.dialects import Backend, has_trigger
from pagemill.store.tables import metadata, task_transitions

STATUS_TRIGGER = "tr_tasks_status"
NOTIFY_TRIGGER = "tr_task_events_notify"
_QUOTED = re.compile(r"'([^']*)'")


def allowed_transitions() -> set[tuple[str, str]]:
    """Pairs of status before and after, as the domain allows them."""
    return {(before.value, after.value) for before, allowed in TRANSITIONS.items() for after in allowed}


def constraint_differences(connection: Connection) -> list[str]:
    """Differences between the database's constraints and the domain, one sentence each."""
    stored = {(row.status_before, row.status_after) for row in connection.execute(select(task_transitions))}
    differences = _difference("task_transitions", allowed_transitions(), stored)
    if not has_trigger(connection, STATUS_TRIGGER):
        differences.append(f"The trigger {STATUS_TRIGGER} is missing: the database does not check changes of status.")
    if connection.dialect.name == Backend.POSTGRESQL and not has_trigger(connection, NOTIFY_TRIGGER):
        differences.append(
            f"The trigger {NOTIFY_TRIGGER} is missing: the database does not notify other servers of events."
        )
    for table in metadata.tables.values():
        differences += _enum_differences(connection, table)
    return differences


def _enum_differences(connection: Connection, table: Table) -> list[str]:
    texts = {check["name"]: check["sqltext"] for check in inspect(connection).get_check_constraints(table.name)}
    differences = []
    for column in table.columns:
        if isinstance(column.type, Enum):
            name = f"ck_{table.name}_{column.type.name}"
            stored = set(_QUOTED.findall(texts.get(name, "")))
            differences += _difference(name, set(column.type.enums), stored)
    return differences


def _difference(name: str, expected: Set[object], stored: Set[object]) -> list[str]:
    return [f"{name} lacks {value}." for value in _sort_values(expected - stored)] + [
        f"{name} also has {value}." for value in _sort_values(stored - expected)
    ]


def _sort_values(values: Iterable[object]) -> list[object]:
    return sorted(values, key=str)
