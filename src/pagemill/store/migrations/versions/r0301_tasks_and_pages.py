"""Tasks, pages and results, callers and their keys, nodes, queueing and keeping; no resource tracking yet."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0301"
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
    "retrying": ("queued", "running", "cancelling", "cancelled", "failed", "expired"),
    "cancelling": ("cancelled",),
    "partially_succeeded": ("queued",),
    "failed": ("queued",),
    "cancelled": ("queued",),
    "expired": ("queued",),
}  # fmt: skip
REASONS = (
    "invalid_request", "unsupported_format", "invalid_document", "encrypted_document", "document_too_large",
    "page_unreadable", "engine_error", "worker_crashed", "timeout", "queue_timeout", "deadline_exceeded", "cancelled",
    "internal_error",
)  # fmt: skip
KINDS = ("pdf", "png", "jpeg", "tiff", "webp", "bmp", "gif", "heic", "avif")
PAGE_STATES = ("queued", "leased", "done", "failed", "cancelled")
STAGES = ("text", "ocr")
SCOPES = ("read", "submit", "admin")
TASK_INDEXES = (
    ("status", "task_id"),
    ("admission",),
    ("caller", "admission"),
    ("caller", "document_size_bytes"),
    ("finished_at",),
    ("delete_at",),
    ("cache_key", "task_id"),
    ("batch_id", "task_id"),
)

TABLES = (
    "task_transitions", "tasks", "task_pages", "page_results", "task_labels", "idempotency_keys", "page_quarantine",
    "document_batches", "webhook_deliveries", "learned_state", "api_keys", "audit_log", "nodes",
)  # fmt: skip

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

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
    for create in (
        _create_tasks, _create_task_transitions, _create_task_pages, _create_page_results, _create_page_quarantine,
        _create_document_batches, _create_task_labels, _create_idempotency_keys, _create_webhook_deliveries,
        _create_learned_state, _create_api_keys, _create_audit_log, _create_nodes,
    ):  # fmt: skip
        create()


def downgrade() -> None:
    """Remove everything."""
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION check_task_status()")


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        *_columns_of_documents(),
        *_columns_of_queueing(),
        sa.Column("failure_reason", sa.String(32)),
        sa.Column("failure_message", sa.Text()),
        sa.Column("pages_total", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("pages_done", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("pages_failed", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("page_pixels", sa.BigInteger(), comment="of the largest page image"),
        *_columns_of_sending(),
        sa.PrimaryKeyConstraint("task_id", name="pk_tasks"),
        _one_of("tasks", "status", TASK_STATUSES),
        _one_of("tasks", "kind", KINDS),
        _one_of("tasks", "failure_reason", REASONS),
    )
    for columns in TASK_INDEXES:
        _index("tasks", *columns)


def _columns_of_documents() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("document_path", sa.Text(), nullable=False),
        sa.Column("document_name", sa.Text(), nullable=False),
        sa.Column("document_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("document_sha256", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("page_count", sa.Integer(), nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("fingerprint", sa.String(16), nullable=False, comment="of the recognition options"),
    ]


def _columns_of_queueing() -> list[sa.schema.SchemaItem]:
    ordered = "place in the queue: time of queueing, moved by priority and age"
    token = "newest fencing token"  # noqa: S105 - a comment
    unserved = "since when it waits without a settled page"
    changed = "last change of its status or of a page"
    return [
        sa.Column("priority", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("queued_at", TIME),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("queue_order", TIME, comment=ordered),
        sa.Column("admission", sa.BigInteger(), comment="order of admission"),
        sa.Column("lease_token", sa.BigInteger(), nullable=False, server_default="0", comment=token),
        sa.Column("unserved_since", TIME, comment=unserved),
        sa.Column("changed_at", TIME, comment=changed),
    ]


def _columns_of_sending() -> list[sa.schema.SchemaItem]:
    return [
        _caller("name of the API key that sent it; callers share the workers"),
        sa.Column("deadline_at", TIME),
        sa.Column("delete_at", TIME, comment="set if the task has its own time to live"),
        sa.Column("cache_key", sa.String(64), comment="equal for tasks that may share pages"),
        sa.Column("batch_id", sa.String(64), comment="the batch that it belongs to"),
        sa.Column("password_at", sa.String(255), comment="who was told the document's password"),
    ]


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
        sa.Column("rung", sa.Integer(), nullable=False, server_default="0", comment="of the out-of-memory ladder"),
        sa.Column("device", sa.String(64), comment="device that recognises it; null for the task's device"),
        sa.Column("retry_at", TIME),
        *_columns_of_leases(),
        sa.Column("failure_reason", sa.String(32)),
        sa.Column("failure_message", sa.Text()),
        sa.Column("seconds", sa.Float()),
        sa.Column("peak_bytes", sa.BigInteger()),
        sa.Column("confidence", sa.Float()),
        sa.Column("finished_at", TIME),
        sa.Column("warnings", JSON),
        _need("need_ram_bytes", "a node had too little for it"),
        _need("need_gpu_bytes", "likewise"),
        sa.PrimaryKeyConstraint("task_id", "number", name="pk_task_pages"),
        _owned_by_task("task_pages"),
        _one_of("task_pages", "state", PAGE_STATES),
        _one_of("task_pages", "stage", STAGES),
        _one_of("task_pages", "failure_reason", REASONS),
        sa.CheckConstraint("(state = 'leased') = (lease_owner IS NOT NULL)", name=op.f("ck_task_pages_lease")),
        sqlite_with_rowid=False,
    )
    _index("task_pages", "task_id", "state", "stage", "retry_at")
    _index("task_pages", "finished_at", "seconds")


def _need(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default="0", comment=comment)


def _columns_of_leases() -> list[sa.schema.SchemaItem]:
    begun = "a worker has begun it"
    return [
        sa.Column("lease_token", sa.BigInteger()),
        sa.Column("lease_owner", sa.String(255)),
        sa.Column("lease_until", TIME),
        sa.Column("begun", sa.Boolean(), nullable=False, server_default=sa.false(), comment=begun),
    ]


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


def _create_page_quarantine() -> None:
    limit = "memory limit of the device when the page was given up"
    op.create_table(
        "page_quarantine",
        _caller("the caller that sent the document"),
        sa.Column("document_sha256", sa.String(64), nullable=False),
        sa.Column("page_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model_set", sa.String(255), nullable=False, comment="engine, profile, languages, device"),
        sa.Column("limit_bytes", sa.BigInteger(), nullable=False, comment=limit),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("caller", "document_sha256", "page_number", "model_set", name="pk_page_quarantine"),
        _one_of("page_quarantine", "reason", REASONS),
    )


def _create_document_batches() -> None:
    op.create_table(
        "document_batches",
        sa.Column("batch_id", sa.String(64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False, comment="number of documents"),
        sa.Column("caller", sa.String(255), nullable=False),
        sa.Column("idempotency_key", sa.String(255), comment="null once it has expired"),
        sa.Column("content", sa.String(64), nullable=False, comment="hash of documents and options"),
        sa.PrimaryKeyConstraint("batch_id", name="pk_document_batches"),
    )
    _index("document_batches", "caller", "idempotency_key", unique=True)


def _create_task_labels() -> None:
    op.create_table(
        "task_labels",
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", "name", name="pk_task_labels"),
        _owned_by_task("task_labels"),
    )
    _index("task_labels", "name", "value", "task_id")


def _create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.String(255), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("content", sa.String(64), nullable=False, comment="hash of document and options"),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name="pk_idempotency_keys"),
        _owned_by_task("idempotency_keys"),
    )
    _index("idempotency_keys", "task_id")
    _index("idempotency_keys", "created_at")


def _create_webhook_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("delivery_id", SEQUENCE, nullable=False),
        sa.Column("message_id", sa.String(64), nullable=False, comment="equal for every attempt"),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="signed and sent unchanged"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due_at", TIME, comment="next attempt; null once it was delivered or given up"),
        sa.Column("delivered_at", TIME),
        sa.Column("last_error", sa.Text()),
        sa.PrimaryKeyConstraint("delivery_id", name="pk_webhook_deliveries"),
    )
    _index("webhook_deliveries", "due_at")
    _index("webhook_deliveries", "created_at")


def _create_learned_state() -> None:
    op.create_table(
        "learned_state",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", JSON, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_learned_state"),
    )


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False, comment="of the caller"),
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, comment="SHA-256 of the whole key"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("revoked_at", TIME),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_keys"),
        _one_of("api_keys", "scope", SCOPES),
    )


def _create_audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("minute", TIME, nullable=False, comment="equal uses within it are one row"),
        sa.Column("name", sa.String(255), nullable=False, comment="who"),
        sa.Column("key_id", sa.String(32), nullable=False, comment="empty for the command line"),
        sa.Column("action", sa.String(255), nullable=False, comment="what: an endpoint or a command"),
        sa.Column("target", sa.String(255), nullable=False, comment="what it was done to; empty for a list"),
        sa.Column("owner", sa.String(255), nullable=False, comment="whose that is; empty for everyone's"),
        sa.Column("first_at", TIME, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_log"),
        sqlite_autoincrement=True,
    )
    _index("audit_log", "minute", "name", "key_id", "action", "target", "owner", unique=True)


def _create_nodes() -> None:
    draining = "it claims no more pages"
    op.create_table(
        "nodes",
        sa.Column("owner", sa.String(255), nullable=False, comment="its name in leases"),
        sa.Column("machine_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("devices", JSON, nullable=False, comment="limits in bytes, and places, by device"),
        sa.Column("engines", JSON, nullable=False, comment="languages by engine that works there"),
        sa.Column("draining", sa.Boolean(), nullable=False, server_default=sa.false(), comment=draining),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_nodes"),
    )
    _index("nodes", "seen_at")


def _caller(comment: str) -> sa.Column[str]:
    return sa.Column("caller", sa.String(255), nullable=False, server_default=sa.text("''"), comment=comment)


def _index(table: str, *columns: str, unique: bool = False) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns, unique=unique)


def _owned_by_task(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name=f"fk_{table}_task_id", ondelete="CASCADE")


def _one_of(table: str, column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=op.f(f"ck_{table}_{column}"))
