"""The older schema: tasks, their pages and results, without a trace of resources."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TASK_STATUSES = (
    "created", "queued", "running", "retrying", "cancelling",
    "succeeded", "partially_succeeded", "failed", "cancelled", "expired",
)  # fmt: skip
TRANSITIONS = {
    "created": ("queued", "cancelled", "expired"),
    "queued": ("running", "cancelled", "expired", "failed"),
    "running": (
        "queued", "retrying", "cancelling", "succeeded", "partially_succeeded", "failed", "cancelled", "expired",
    ),
    "retrying": ("queued", "running", "cancelled", "failed", "expired"),
    "cancelling": ("cancelled",),
    "partially_succeeded": ("queued",),
    "failed": ("queued",),
    "cancelled": ("queued",),
    "expired": ("queued",),
}  # fmt: skip
FAILURE_REASONS = (
    "INVALID_REQUEST", "UNSUPPORTED_FORMAT", "INVALID_DOCUMENT", "ENCRYPTED_DOCUMENT", "DOCUMENT_TOO_LARGE",
    "PAGE_UNREADABLE", "ENGINE_ERROR", "WORKER_CRASHED", "TIMEOUT", "QUEUE_TIMEOUT", "DEADLINE_EXCEEDED", "CANCELLED",
    "OUT_OF_MEMORY", "POOL_EXHAUSTED", "DEVICE_UNAVAILABLE", "MEMORY_LIMIT_EXCEEDED", "INTERNAL_ERROR",
)  # fmt: skip
KINDS = ("pdf", "png", "jpeg", "tiff", "webp", "bmp")
PAGE_STATES = ("queued", "leased", "done", "failed", "cancelled")
STAGES = ("text", "ocr")

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)

SQLITE_TRIGGER = """
CREATE TRIGGER tr_tasks_status BEFORE UPDATE OF status ON tasks
WHEN OLD.status <> NEW.status AND NOT EXISTS (
    SELECT 1 FROM task_transitions WHERE status_before = OLD.status AND status_after = NEW.status
)
BEGIN
    SELECT RAISE(ABORT, 'a task cannot go from its present status to this one');
END
"""
POSTGRESQL_FUNCTION = """
CREATE FUNCTION check_task_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM task_transitions WHERE status_before = OLD.status AND status_after = NEW.status
    ) THEN
        RAISE check_violation USING MESSAGE = format('a task cannot go from %s to %s', OLD.status, NEW.status);
    END IF;
    RETURN NEW;
END $$
"""
POSTGRESQL_TRIGGER = """
CREATE TRIGGER tr_tasks_status BEFORE UPDATE OF status ON tasks
FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION check_task_status()
"""


def upgrade() -> None:
    """Make the tables."""
    _create_tasks()
    _create_task_transitions()
    _create_task_pages()
    _create_page_results()


def downgrade() -> None:
    """Remove everything."""
    op.drop_table("page_results")
    op.drop_table("task_pages")
    op.drop_table("tasks")
    op.drop_table("task_transitions")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION check_task_status()")


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("document_path", sa.Text(), nullable=False),
        sa.Column("document_name", sa.Text(), nullable=False),
        sa.Column("document_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("document_sha256", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("page_count", sa.Integer(), nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("fingerprint", sa.String(16), nullable=False, comment="of the recognition options"),
        sa.Column("priority", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("queued_at", TIME),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("queue_order", TIME, comment="the moment it counts as queued, priority and ageing considered"),
        sa.Column("admission", sa.BigInteger(), comment="rises with every task that is let in"),
        sa.Column(
            "lease_token",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="the newest fencing token given out",
        ),
        sa.Column("failure_reason", sa.String(32)),
        sa.Column("failure_message", sa.Text()),
        sa.Column("pages_total", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("pages_done", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("pages_failed", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("task_id", name="pk_tasks"),
        _one_of("tasks", "status", TASK_STATUSES),
        _one_of("tasks", "kind", KINDS),
        _one_of("tasks", "failure_reason", FAILURE_REASONS),
    )
    op.create_index("ix_tasks_status_task_id", "tasks", ["status", "task_id"])
    op.create_index("ix_tasks_admission", "tasks", ["admission"])


def _create_task_transitions() -> None:
    table = op.create_table(
        "task_transitions",
        sa.Column("status_before", sa.String(32), nullable=False),
        sa.Column("status_after", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("status_before", "status_after", name="pk_task_transitions"),
    )
    steps = [
        {"status_before": before, "status_after": after} for before, allowed in TRANSITIONS.items() for after in allowed
    ]
    op.bulk_insert(table, steps)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POSTGRESQL_FUNCTION)
        op.execute(POSTGRESQL_TRIGGER)
    else:
        op.execute(SQLITE_TRIGGER)


def _create_task_pages() -> None:
    op.create_table(
        "task_pages",
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("crashes", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("retry_at", TIME),
        sa.Column("lease_token", sa.BigInteger()),
        sa.Column("lease_owner", sa.String(255)),
        sa.Column("lease_until", TIME),
        sa.Column("failure_reason", sa.String(32)),
        sa.Column("failure_message", sa.Text()),
        sa.Column("seconds", sa.Float()),
        sa.Column("peak_bytes", sa.BigInteger()),
        sa.Column("confidence", sa.Float()),
        sa.Column("finished_at", TIME),
        sa.PrimaryKeyConstraint("task_id", "number", name="pk_task_pages"),
        _owned_by_task("task_pages"),
        _one_of("task_pages", "state", PAGE_STATES),
        _one_of("task_pages", "stage", STAGES),
        _one_of("task_pages", "failure_reason", FAILURE_REASONS),
        sa.CheckConstraint("(state = 'leased') = (lease_owner IS NOT NULL)", name=op.f("ck_task_pages_lease")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_task_pages_task_id_state_stage_retry_at", "task_pages", ["task_id", "state", "stage", "retry_at"]
    )
    op.create_index("ix_task_pages_finished_at_seconds", "task_pages", ["finished_at", "seconds"])


def _create_page_results() -> None:
    op.create_table(
        "page_results",
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("page_number", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(16), nullable=False),
        sa.Column("codec", sa.String(16), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "page_number", "fingerprint", name="pk_page_results"),
        _owned_by_task("page_results"),
    )


def _owned_by_task(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name=f"fk_{table}_task_id", ondelete="CASCADE")


def _one_of(table: str, column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=op.f(f"ck_{table}_{column}"))
