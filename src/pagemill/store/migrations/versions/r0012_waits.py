"""Know how long tasks go unserved and when anything in them changed last; a new kind of event, `stalled`."""

import sqlalchemy as sa
from alembic import op

from pagemill.store.migrations.listed_values import list_values

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
EVENTS = (
    "created", "queued", "started", "progress", "page_done", "page_failed", "page_retried", "retrying", "requeued",
    "worker_lost", "oom_recovery", "cancel_requested", "succeeded", "partially_succeeded", "failed", "cancelled",
    "expired", "resource_acquired", "resource_released", "memory_warning", "cleanup_started", "cleanup_completed",
)  # fmt: skip


def upgrade() -> None:
    """Add the columns; tasks of which no page was leased have waited since they were queued."""
    unserved = "queued or refused a service then, and no page settled since"
    changed = "when its status changed or a page of it was settled last"
    begun = "a worker holds it and works on it"
    op.add_column("tasks", sa.Column("unserved_since", TIME, comment=unserved))
    op.add_column("tasks", sa.Column("changed_at", TIME, comment=changed))
    op.add_column(
        "task_pages", sa.Column("begun", sa.Boolean(), nullable=False, server_default=sa.false(), comment=begun)
    )
    op.execute("UPDATE tasks SET changed_at = coalesce(finished_at, started_at, queued_at, created_at)")
    op.execute(
        "UPDATE tasks SET unserved_since = queued_at "
        "WHERE status = 'queued' OR status IN ('running', 'retrying') AND lease_token = 0"
    )
    list_values("task_events", "event_type", listed=(*EVENTS, "stalled"))


def downgrade() -> None:
    """Forget them, and that tasks stalled."""
    op.execute("DELETE FROM task_events WHERE event_type = 'stalled'")
    list_values("task_events", "event_type", listed=EVENTS)
    op.drop_column("task_pages", "begun")
    op.drop_column("tasks", "changed_at")
    op.drop_column("tasks", "unserved_since")
