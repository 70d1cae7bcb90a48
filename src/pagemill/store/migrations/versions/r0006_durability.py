"""Share between callers, keep deadlines and times to live, tell other servers of events; cancel while retrying."""

import sqlalchemy as sa
from alembic import op

from pagemill.store.migrations.older_forms import drop_options

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
INDEXES = {
    "ix_tasks_caller_admission": ["caller", "admission"],
    "ix_tasks_finished_at": ["finished_at"],
    "ix_tasks_delete_at": ["delete_at"],
}
COLUMNS = ("caller", "deadline_at", "delete_at")

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


def upgrade() -> None:
    """Add the columns, the allowed change of status, and on PostgreSQL the trigger."""
    op.add_column(
        "tasks",
        sa.Column(
            "caller",
            sa.String(255),
            nullable=False,
            server_default=sa.text("''"),
            comment="whom tasks are shared out between",
        ),
    )
    op.add_column("tasks", sa.Column("deadline_at", TIME))
    op.add_column("tasks", sa.Column("delete_at", TIME, comment="where the task asked for a time to live of its own"))
    for name, columns in INDEXES.items():
        op.create_index(name, "tasks", columns)
    op.execute("INSERT INTO task_transitions (status_before, status_after) VALUES ('retrying', 'cancelling')")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(NOTIFY_FUNCTION)
        op.execute(NOTIFY_TRIGGER)


def downgrade() -> None:
    """Forget deadlines, times to live and callers; tasks, pages and results stay."""
    drop_options("deadline_seconds", "time_to_live_seconds")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER tr_task_events_notify ON task_events")
        op.execute("DROP FUNCTION notify_task_event()")
    op.execute("DELETE FROM task_transitions WHERE status_before = 'retrying' AND status_after = 'cancelling'")
    for name in INDEXES:
        op.drop_index(name, table_name="tasks")
    for column in reversed(COLUMNS):
        op.drop_column("tasks", column)
