"""Remember what was sent: idempotency keys, labels to find tasks by, pages to share, and webhooks to be delivered."""

import json

import sqlalchemy as sa
from alembic import op

from pagemill.store.migrations.older_forms import drop_options

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TASKS_AT_ONCE = 500


def upgrade() -> None:
    """Add the tables, and put the labels that tasks bear already where they can be found."""
    op.add_column("tasks", sa.Column("cache_key", sa.String(64), comment="of what its pages may be shared with"))
    op.create_index("ix_tasks_cache_key_task_id", "tasks", ["cache_key", "task_id"])
    _create_idempotency_keys()
    _create_task_labels()
    _create_webhook_deliveries()
    _fill_labels()


def downgrade() -> None:
    """Forget keys and undelivered webhooks; labels stay in the options of their tasks."""
    drop_options("cache", "webhook_url")
    op.drop_table("webhook_deliveries")
    op.drop_table("task_labels")
    op.drop_table("idempotency_keys")
    op.drop_index("ix_tasks_cache_key_task_id", table_name="tasks")
    op.drop_column("tasks", "cache_key")


def _create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.String(255), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("content", sa.String(64), nullable=False, comment="hash of document and options"),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name="pk_idempotency_keys"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name="fk_idempotency_keys_task_id", ondelete="CASCADE"),
    )
    op.create_index("ix_idempotency_keys_task_id", "idempotency_keys", ["task_id"])
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def _create_task_labels() -> None:
    op.create_table(
        "task_labels",
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", "name", name="pk_task_labels"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name="fk_task_labels_task_id", ondelete="CASCADE"),
    )
    op.create_index("ix_task_labels_name_value_task_id", "task_labels", ["name", "value", "task_id"])


def _create_webhook_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("delivery_id", SEQUENCE, nullable=False),
        sa.Column("message_id", sa.String(64), nullable=False, comment="the same at every try"),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="signed and sent as it is"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due_at", TIME, comment="of the next try; none once it was delivered or given up"),
        sa.Column("delivered_at", TIME),
        sa.Column("last_error", sa.Text()),
        sa.PrimaryKeyConstraint("delivery_id", name="pk_webhook_deliveries"),
    )
    op.create_index("ix_webhook_deliveries_due_at", "webhook_deliveries", ["due_at"])
    op.create_index("ix_webhook_deliveries_created_at", "webhook_deliveries", ["created_at"])


def _fill_labels() -> None:
    connection = op.get_bind()
    tasks = sa.table("tasks", sa.column("task_id"), sa.column("options", sa.Text()))
    labels = sa.table("task_labels", sa.column("task_id"), sa.column("name"), sa.column("value"))
    text = sa.cast(tasks.c.options, sa.Text())
    last = ""
    while found := connection.execute(
        sa.select(tasks.c.task_id, text).where(tasks.c.task_id > last).order_by(tasks.c.task_id).limit(TASKS_AT_ONCE)
    ).all():
        last = found[-1][0]
        rows = [
            {"task_id": task_id, "name": name, "value": value}
            for task_id, options in found
            for name, value in (json.loads(options).get("labels") or {}).items()
        ]
        if rows:
            connection.execute(sa.insert(labels), rows)
