"""Webhooks for delivery, in SQL.

The transaction that ends a task also writes its webhook, so neither exists without the other.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, Select, delete, insert, select, update

from pagemill.domain.ports import Clock
from pagemill.domain.task.task import Task
from pagemill.domain.task.webhooks import Delivery
from pagemill.store.database import Database, reading, writing, writing_durably
from pagemill.store.tables import webhook_deliveries

KEPT_FOR = timedelta(days=7)
"""How long delivered and failed messages are kept."""


class SqlOutbox:
    """`Outbox` on SQLite and PostgreSQL. Runs in the server process; several servers may run it at once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @writing
    def add(self, connection: Connection, url: str, kind: str, data: Mapping[str, object]) -> None:
        """See `Outbox.add`."""
        _add(connection, url, kind, data, now=self._clock.now())

    async def claim(self, *, limit: int, hold_for: timedelta) -> Sequence[Delivery]:
        """See `Outbox.claim`."""
        return await self._claim(limit, hold_for) if await self._is_any_due() else ()

    @reading
    def _is_any_due(self, connection: Connection) -> bool:
        return connection.execute(_select_due(self._clock.now()).limit(1)).first() is not None

    @writing_durably
    def _claim(self, connection: Connection, limit: int, hold_for: timedelta) -> Sequence[Delivery]:
        now = self._clock.now()
        taken = connection.execute(_select_due(now).limit(limit).with_for_update(skip_locked=True)).scalars().all()
        claimed = (
            update(webhook_deliveries)
            .where(webhook_deliveries.c.delivery_id.in_(taken))
            .values(due_at=now + hold_for, attempts=webhook_deliveries.c.attempts + 1)
            .returning(webhook_deliveries)
        )
        return [_delivery(row) for row in connection.execute(claimed).mappings()]

    async def mark_delivered(self, delivery: Delivery) -> None:
        """See `Outbox.mark_delivered`."""
        await self._settle(delivery, {"due_at": None, "delivered_at": self._clock.now(), "last_error": None})

    async def mark_failed(self, delivery: Delivery, error: str, *, retry_in: timedelta | None) -> None:
        """See `Outbox.mark_failed`."""
        due = None if retry_in is None else self._clock.now() + retry_in
        await self._settle(delivery, {"due_at": due, "last_error": error})

    @writing
    def prune(self, connection: Connection) -> None:
        """See `Outbox.prune`."""
        settled = webhook_deliveries.c.due_at.is_(None)
        old = webhook_deliveries.c.created_at <= self._clock.now() - KEPT_FOR
        connection.execute(delete(webhook_deliveries).where(settled, old))

    @writing
    def _settle(self, connection: Connection, delivery: Delivery, values: Mapping[str, object]) -> None:
        one = update(webhook_deliveries).where(webhook_deliveries.c.delivery_id == delivery.delivery_id)
        connection.execute(one.values(**values))


def _select_due(now: datetime) -> Select[int]:
    due = select(webhook_deliveries.c.delivery_id).where(webhook_deliveries.c.due_at <= now)
    return due.order_by(webhook_deliveries.c.due_at)


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(row["delivery_id"], row["message_id"], row["url"], row["body"], row["attempts"])


def announce_end(connection: Connection, task: Task, *, now: datetime) -> None:
    """Queue a webhook about the end of a task for the receiver that its sender named."""
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
    _add(connection, url, f"task.{task.status.value}", data, now=now)


def _add(connection: Connection, url: str, kind: str, data: Mapping[str, object], *, now: datetime) -> None:
    body = {"type": kind, "timestamp": now.isoformat().replace("+00:00", "Z"), "data": data}
    row = {
        "message_id": f"msg_{secrets.token_hex(16)}",
        "url": url,
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "created_at": now,
        "due_at": now,
    }
    connection.execute(insert(webhook_deliveries), row)
