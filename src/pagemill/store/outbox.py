"""Webhooks that are to be delivered, in SQL.

A webhook about a task is written in the transaction that ends the task: neither can be without the other.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pagemill.domain.ports import Clock
from pagemill.domain.tasks import Task
from pagemill.domain.webhooks import Delivery
from pagemill.store.database import Database
from pagemill.store.tables import webhook_deliveries

KEPT_FOR = timedelta(days=7)
"""How long what was delivered or given up can still be looked at."""


class SqlOutbox:
    """`Outbox` on SQLite and PostgreSQL. Runs in the server process, and beside others of its kind."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, url: str, kind: str, data: Mapping[str, object]) -> None:
        """Have a message delivered."""
        async with self._database.write() as connection:
            await _add(connection, url, kind, data, now=self._clock.now())

    async def claim(self, *, limit: int, hold_for: timedelta) -> Sequence[Delivery]:
        """Take messages whose time has come; nobody else takes them while they are held, and then they are due again.

        Each claim counts as a try, so that one that kills the server is not tried for ever.
        """
        now = self._clock.now()
        due = (
            select(webhook_deliveries.c.delivery_id)
            .where(webhook_deliveries.c.due_at <= now)
            .order_by(webhook_deliveries.c.due_at)
            .limit(limit)
        )
        async with self._database.read() as connection:
            if (await connection.execute(due.limit(1))).first() is None:
                return ()
        async with self._database.write() as connection:
            taken = (await connection.execute(due.with_for_update(skip_locked=True))).scalars().all()
            claimed = (
                update(webhook_deliveries)
                .where(webhook_deliveries.c.delivery_id.in_(taken))
                .values(due_at=now + hold_for, attempts=webhook_deliveries.c.attempts + 1)
                .returning(webhook_deliveries)
            )
            rows = (await connection.execute(claimed)).mappings().all()
        return [_delivery(row) for row in rows]

    async def delivered(self, delivery: Delivery) -> None:
        """It arrived."""
        await self._settle(delivery, {"due_at": None, "delivered_at": self._clock.now(), "last_error": None})

    async def failed(self, delivery: Delivery, error: str, *, retry_in: timedelta | None) -> None:
        """It did not arrive; it is due again after `retry_in`, or given up where that is None."""
        due = None if retry_in is None else self._clock.now() + retry_in
        await self._settle(delivery, {"due_at": due, "last_error": error})

    async def prune(self) -> None:
        """Forget what was settled long ago."""
        settled = webhook_deliveries.c.due_at.is_(None)
        old = webhook_deliveries.c.created_at <= self._clock.now() - KEPT_FOR
        async with self._database.write() as connection:
            await connection.execute(delete(webhook_deliveries).where(settled, old))

    async def _settle(self, delivery: Delivery, values: Mapping[str, object]) -> None:
        one = update(webhook_deliveries).where(webhook_deliveries.c.delivery_id == delivery.delivery_id)
        async with self._database.write() as connection:
            await connection.execute(one.values(**values))


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(row["delivery_id"], row["message_id"], row["url"], row["body"], row["attempts"])


async def announce_end(connection: AsyncConnection, task: Task, *, now: datetime) -> None:
    """Have the end of a task delivered to whom its sender named."""
    url = task.options.webhook_url
    if url is None:
        return
    data: dict[str, object] = {
        "task_id": task.task_id,
        "status": task.status.value,
        "document": task.document.name,
        "labels": task.options.labels,
        "pages_total": task.pages_total,
        "pages_done": task.pages_done,
        "pages_failed": task.pages_failed,
        "failure_reason": task.failure_reason.value if task.failure_reason else None,
        "failure_message": task.failure_message,
    }
    await _add(connection, url, f"task.{task.status.value}", data, now=now)


async def _add(connection: AsyncConnection, url: str, kind: str, data: Mapping[str, object], *, now: datetime) -> None:
    body = {"type": kind, "timestamp": now.isoformat().replace("+00:00", "Z"), "data": data}
    row = {
        "message_id": f"msg_{secrets.token_hex(16)}",
        "url": url,
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "created_at": now,
        "due_at": now,
    }
    await connection.execute(insert(webhook_deliveries), row)
