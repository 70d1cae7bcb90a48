"""Changes the values that a text column allows, and keeps its rows.

Revisions import this and nothing else of ours, so do not change what it does.

On SQLite a CHECK constraint is a part of the table's text. Recreating the table would delete all rows that refer
to it, so this changes the text itself, as https://www.sqlite.org/lang_altertable.html describes under "Making Other
Kinds Of Table Schema Changes".
"""

import re
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from alembic import op


def rename_values(table: str, column: str, renamed: Mapping[str, str], *, listed: Sequence[str]) -> None:
    """Rename values of a column, and from then on allow only the `listed` ones."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f(f"ck_{table}_{column}"), table, type_="check")
        _rename(table, column, renamed)
        op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, _is_listed(column, listed))
        return
    op.execute("PRAGMA ignore_check_constraints=ON")
    _rename(table, column, renamed)
    op.execute("PRAGMA ignore_check_constraints=OFF")
    _rewrite_check(table, column, listed)


def list_values(table: str, column: str, *, listed: Sequence[str]) -> None:
    """Allow only the `listed` values in a column. No row may have another value."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f(f"ck_{table}_{column}"), table, type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, _is_listed(column, listed))
    else:
        _rewrite_check(table, column, listed)


def _rename(table: str, column: str, renamed: Mapping[str, str]) -> None:
    rows = sa.table(table, sa.column(column))
    before = rows.c[column]
    changed = sa.update(rows).where(before.in_(renamed))
    op.execute(changed.values({column: sa.case(dict(renamed), value=before, else_=before)}))


def _is_listed(column: str, listed: Sequence[str]) -> str:
    values = ", ".join(f"'{value}'" for value in listed)
    return f"{column} IN ({values})"


def _rewrite_check(table: str, column: str, listed: Sequence[str]) -> None:
    connection = op.get_bind()
    of_table = {"name": table}
    read = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
    text: str = connection.execute(read, of_table).scalar_one()
    check = re.compile(rf"(CONSTRAINT ck_{table}_{column} CHECK \(){column} IN \([^)]*\)")
    changed, found = check.subn(lambda match: match[1] + _is_listed(column, listed), text)
    if found != 1:
        raise RuntimeError(f"The table {table} has {found} constraints ck_{table}_{column}; it should have one.")
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    write = sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :name")
    connection.execute(write, {**of_table, "sql": changed})
    connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=RESET")
