"""Track resources: five columns of tasks, the tables of metrics and events, and four reasons of failures."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from pagemill.store.migrations.listed_values import list_values, rename_values

revision = "0302"
down_revision = "0301"
branch_labels = None
depends_on = None

EVENTS = (
    "created", "queued", "started", "progress", "page_done", "page_failed", "page_retried", "retrying", "requeued",
    "worker_lost", "oom_recovery", "cancel_requested", "succeeded", "partially_succeeded", "failed", "cancelled",
    "expired", "resource_acquired", "resource_released", "memory_warning", "cleanup_started", "cleanup_completed",
    "stalled",
)  # fmt: skip
OLDER_REASONS = (
    "invalid_request", "unsupported_format", "invalid_document", "encrypted_document", "document_too_large",
    "page_unreadable", "engine_error", "worker_crashed", "timeout", "queue_timeout", "deadline_exceeded", "cancelled",
    "internal_error",
)  # fmt: skip
NEW_REASONS = ("out_of_memory", "pool_exhausted", "device_unavailable", "memory_limit_exceeded")
WITH_REASON = (("tasks", "failure_reason"), ("task_pages", "failure_reason"), ("page_quarantine", "reason"))
COLUMNS = (
    "estimated_memory_mb",
    "actual_memory_mb",
    "assigned_device",
    "service_instance_id",
    "resource_cleanup_completed",
)
INDEXES = {
    "ix_tasks_status_assigned_device_queue_order_task_id": ["status", "assigned_device", "queue_order", "task_id"],
    "ix_tasks_resource_cleanup_completed_status": ["resource_cleanup_completed", "status"],
}

GIVE_UNFINISHED_TO_CPU = """
UPDATE tasks SET assigned_device = 'cpu' WHERE status IN ('created', 'queued', 'running', 'retrying', 'cancelling')
"""
NOTIFY_FUNCTION = """
CREATE FUNCTION notify_task_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('pagemill', NEW.task_id || ' ' || NEW.event_type);
    RETURN NULL;
END $$
"""
NOTIFY_TRIGGER = """
CREATE TRIGGER tr_task_events_notify AFTER INSERT ON task_events
FOR EACH ROW EXECUTE FUNCTION notify_task_event()
"""

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns and tables. Unfinished tasks go to the CPU, which every machine has, so that they continue."""
    op.add_column("tasks", sa.Column("estimated_memory_mb", sa.Integer()))
    op.add_column("tasks", sa.Column("actual_memory_mb", sa.Integer()))
    op.add_column("tasks", sa.Column("assigned_device", sa.String(64)))
    op.add_column("tasks", sa.Column("service_instance_id", sa.String(255)))
    op.add_column(
        "tasks", sa.Column("resource_cleanup_completed", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.execute(GIVE_UNFINISHED_TO_CPU)
    for name, columns in INDEXES.items():
        op.create_index(name, "tasks", columns)
    _create_task_events()
    _create_task_metrics()
    for table, column in WITH_REASON:
        list_values(table, column, listed=(*OLDER_REASONS, *NEW_REASONS))


def downgrade() -> None:
    """Tasks, pages and results stay. Events and metrics are lost; the new reasons become `internal_error`."""
    for table, column in WITH_REASON:
        rename_values(table, column, dict.fromkeys(NEW_REASONS, "internal_error"), listed=OLDER_REASONS)
    op.drop_table("task_metrics")
    op.drop_table("task_events")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION notify_task_event()")
    for name in INDEXES:
        op.drop_index(name, table_name="tasks")
    for column in reversed(COLUMNS):
        op.drop_column("tasks", column)


def _create_task_events() -> None:
    listed = ", ".join(f"'{event}'" for event in EVENTS)
    op.create_table(
        "task_events",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("event_type", sa.String(32), nullable=False),
        sa.Column("timestamp", TIME, nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_task_events"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name="fk_task_events_task_id", ondelete="CASCADE"),
        sa.CheckConstraint(f"event_type IN ({listed})", name=op.f("ck_task_events_event_type")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_task_events_task_id_sequence", "task_events", ["task_id", "sequence"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(NOTIFY_FUNCTION)
        op.execute(NOTIFY_TRIGGER)


def _create_task_metrics() -> None:
    op.create_table(
        "task_metrics",
        sa.Column("metric_id", SEQUENCE, nullable=False),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("timestamp", TIME, nullable=False),
        sa.Column("memory_usage_mb", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("processing_stage", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("metric_id", name="pk_task_metrics"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name="fk_task_metrics_task_id", ondelete="CASCADE"),
    )
    op.create_index("ix_task_metrics_task_id_timestamp", "task_metrics", ["task_id", "timestamp"])
