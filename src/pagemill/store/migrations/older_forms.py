"""What downgrades take out of JSON: an older version refuses members that it does not know.

Revisions use this and nothing else of ours; it keeps its meaning as they do.
"""

import json
import zlib
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

_AT_ONCE = 100
_KEY = ("task_id", "page_number", "fingerprint")

_RESULTS = sa.table(
    "page_results", *(sa.column(name) for name in (*_KEY, "codec")), sa.column("payload", sa.LargeBinary())
)


def drop_options(*names: str) -> None:
    """Take options, such as `recognition.structure`, out of all tasks."""
    connection = op.get_bind()
    for name in names:
        if connection.dialect.name == "postgresql":
            path = "{" + name.replace(".", ",") + "}"
            without = "options #- CAST(:path AS text[])"
            has_it = "options #> CAST(:path AS text[]) IS NOT NULL"
        else:
            path = f"$.{name}"
            without = "json_remove(options, :path)"
            has_it = "json_type(options, :path) IS NOT NULL"
        connection.execute(sa.text(f"UPDATE tasks SET options = {without} WHERE {has_it}"), {"path": path})  # noqa: S608


def drop_from_blocks(member: str) -> None:
    """Take a member out of the blocks of all page results."""
    connection = op.get_bind()
    for row in _results(connection):
        is_packed = row.codec == "zlib"
        page = zlib.decompress(row.payload) if is_packed else row.payload
        if f'"{member}":'.encode() not in page:
            continue
        page = _without(page, member)
        payload = zlib.compress(page, 1) if is_packed else page
        its_own = sa.and_(*(_RESULTS.c[name] == getattr(row, name) for name in _KEY))
        connection.execute(sa.update(_RESULTS).where(its_own).values(payload=payload))


def _results(connection: sa.Connection) -> Iterator[sa.Row[tuple[str, int, str, str, bytes]]]:
    """All page results, a few in memory at a time."""
    key = sa.tuple_(*(_RESULTS.c[name] for name in _KEY))
    last: tuple[str, int, str] = ("", 0, "")
    ordered = sa.select(_RESULTS).order_by(*_KEY).limit(_AT_ONCE)
    while rows := connection.execute(ordered.where(key > last)).all():
        yield from rows
        last = (rows[-1].task_id, rows[-1].page_number, rows[-1].fingerprint)


def _without(page: bytes, member: str) -> bytes:
    read = json.loads(page)
    for block in read["blocks"]:
        block.pop(member, None)
    return json.dumps(read, separators=(",", ":")).encode()
