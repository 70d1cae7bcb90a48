"""The tables after the newest migration.

    tasks ──┬── task_pages ── the unit of work: state, lease, fate of each page
            ├── page_results ── the text of finished pages, once for each set of options
            ├── task_events ── what happened, in order
            ├── task_metrics ── memory over time
            ├── task_labels ── labels to find tasks by
            └── idempotency_keys ── which request made which task
    document_batches ── documents that were sent together; deleted with the last of its tasks
    page_quarantine ── pages that killed workers, and are not tried again for a while
    webhook_deliveries ── messages to other services, and whether they arrived
    task_transitions ── the allowed changes of `tasks.status`; a trigger refuses all others
    api_keys ── who may use the service; only hashes of the keys
    audit_log ── every use of an admin right
    learned_state ── what a restart should not forget, such as the peaks of each model set
    nodes ── the servers that read pages: their limits and engines, and when each last wrote

Queries lock a task's row before rows of its pages, so that two servers on one PostgreSQL never wait in a circle.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

from pagemill.domain.callers import Scope
from pagemill.domain.documents import DocumentKind
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.task.events import TaskEvent
from pagemill.domain.task.task import PageState, TaskStatus
from pagemill.domain.work.recognition import Stage
from pagemill.store.columns import Json, JsonIfAny, Sequence, UtcDateTime, enum_column

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

_TASK_ID = String(64)


def _owning_task(*, primary_key: bool = False) -> Column[str]:
    owner = ForeignKey("tasks.task_id", ondelete="CASCADE")
    return Column("task_id", _TASK_ID, owner, primary_key=primary_key, nullable=False)


tasks = Table(
    "tasks",
    metadata,
    Column("task_id", _TASK_ID, primary_key=True),
    Column("status", enum_column(TaskStatus, "status"), nullable=False),
    Column("document_path", Text, nullable=False),
    Column("document_name", Text, nullable=False),
    Column("document_size_bytes", BigInteger, nullable=False),
    Column("document_sha256", String(64), nullable=False),
    Column("kind", enum_column(DocumentKind, "kind"), nullable=False),
    Column("page_count", Integer, nullable=False),
    Column("options", Json, nullable=False),
    Column("fingerprint", String(16), nullable=False, comment="of the recognition options"),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("queued_at", UtcDateTime),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("queue_order", UtcDateTime, comment="place in the queue: time of queueing, moved by priority and age"),
    Column("admission", BigInteger, comment="order of admission"),
    Column("lease_token", BigInteger, nullable=False, server_default="0", comment="newest fencing token"),
    Column("unserved_since", UtcDateTime, comment="since when it waits without a settled page"),
    Column("changed_at", UtcDateTime, comment="last change of its status or of a page"),
    Column("failure_reason", enum_column(TaskFailureReason, "failure_reason")),
    Column("failure_message", Text),
    Column("pages_total", Integer, nullable=False, server_default="0"),
    Column("pages_done", Integer, nullable=False, server_default="0"),
    Column("pages_failed", Integer, nullable=False, server_default="0"),
    Column("page_pixels", BigInteger, comment="of the largest page image"),
    Column(
        "caller",
        String(255),
        nullable=False,
        server_default=text("''"),
        comment="name of the API key that sent it; callers share the workers",
    ),
    Column("deadline_at", UtcDateTime),
    Column("delete_at", UtcDateTime, comment="set if the task has its own time to live"),
    Column("cache_key", String(64), comment="equal for tasks that may share pages"),
    Column("batch_id", String(64), comment="the batch that it belongs to"),
    Column("password_at", String(255), comment="who was told the document's password"),
    Column("estimated_memory_mb", Integer),
    Column("actual_memory_mb", Integer),
    Column("assigned_device", String(64)),
    Column("service_instance_id", String(255)),
    Column("resource_cleanup_completed", Boolean, nullable=False, server_default=false()),
)
Index(None, tasks.c.status, tasks.c.task_id)
Index(None, tasks.c.status, tasks.c.assigned_device, tasks.c.queue_order, tasks.c.task_id)
Index(None, tasks.c.admission)
Index(None, tasks.c.resource_cleanup_completed, tasks.c.status)
Index(None, tasks.c.caller, tasks.c.admission)
Index(None, tasks.c.caller, tasks.c.document_size_bytes)
Index(None, tasks.c.finished_at)
Index(None, tasks.c.delete_at)
Index(None, tasks.c.cache_key, tasks.c.task_id)
Index(None, tasks.c.batch_id, tasks.c.task_id)

document_batches = Table(
    "document_batches",
    metadata,
    Column("batch_id", String(64), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("documents", Integer, nullable=False, comment="number of documents"),
    Column("caller", String(255), nullable=False),
    Column("idempotency_key", String(255), comment="null once it has expired"),
    Column("content", String(64), nullable=False, comment="hash of documents and options"),
)
Index(None, document_batches.c.caller, document_batches.c.idempotency_key, unique=True)

task_transitions = Table(
    "task_transitions",
    metadata,
    Column("status_before", String(32), primary_key=True),
    Column("status_after", String(32), primary_key=True),
)

task_pages = Table(
    "task_pages",
    metadata,
    _owning_task(primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", enum_column(PageState, "state"), nullable=False),
    Column("stage", enum_column(Stage, "stage"), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("rung", Integer, nullable=False, server_default="0", comment="of the out-of-memory ladder"),
    Column("device", String(64), comment="device that recognises it; null for the task's device"),
    Column("retry_at", UtcDateTime),
    Column("lease_token", BigInteger),
    Column("lease_owner", String(255)),
    Column("lease_until", UtcDateTime),
    Column("begun", Boolean, nullable=False, server_default=false(), comment="a worker has begun it"),
    Column("failure_reason", enum_column(TaskFailureReason, "failure_reason")),
    Column("failure_message", Text),
    Column("seconds", Float),
    Column("peak_bytes", BigInteger),
    Column("confidence", Float),
    Column("finished_at", UtcDateTime),
    Column("warnings", JsonIfAny),
    Column("need_ram_bytes", BigInteger, nullable=False, server_default="0", comment="a node had too little for it"),
    Column("need_gpu_bytes", BigInteger, nullable=False, server_default="0", comment="likewise"),
    CheckConstraint("(state = 'leased') = (lease_owner IS NOT NULL)", name="lease"),
    sqlite_with_rowid=False,
)
Index(None, task_pages.c.task_id, task_pages.c.state, task_pages.c.stage, task_pages.c.retry_at)
Index(None, task_pages.c.finished_at, task_pages.c.seconds)

page_results = Table(
    "page_results",
    metadata,
    _owning_task(primary_key=True),
    Column("page_number", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", String(16), primary_key=True),
    Column("codec", String(16), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

page_quarantine = Table(
    "page_quarantine",
    metadata,
    Column(
        "caller", String(255), primary_key=True, server_default=text("''"), comment="the caller that sent the document"
    ),
    Column("document_sha256", String(64), primary_key=True),
    Column("page_number", Integer, primary_key=True, autoincrement=False),
    Column("model_set", String(255), primary_key=True, comment="engine, profile, languages, device"),
    Column("limit_bytes", BigInteger, nullable=False, comment="memory limit of the device when the page was given up"),
    Column("reason", enum_column(TaskFailureReason, "reason"), nullable=False),
    Column("message", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

task_events = Table(
    "task_events",
    metadata,
    Column("sequence", Sequence, primary_key=True),
    _owning_task(),
    Column("event_type", enum_column(TaskEvent, "event_type"), nullable=False),
    Column("timestamp", UtcDateTime, nullable=False),
    Column("details", Json, nullable=False),
    sqlite_autoincrement=True,
)
Index(None, task_events.c.task_id, task_events.c.sequence)

task_labels = Table(
    "task_labels",
    metadata,
    _owning_task(primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
Index(None, task_labels.c.name, task_labels.c.value, task_labels.c.task_id)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("caller", String(255), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("content", String(64), nullable=False, comment="hash of document and options"),
    _owning_task(),
    Column("created_at", UtcDateTime, nullable=False),
)
Index(None, idempotency_keys.c.task_id)
Index(None, idempotency_keys.c.created_at)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("delivery_id", Sequence, primary_key=True),
    Column("message_id", String(64), nullable=False, comment="equal for every attempt"),
    Column("url", Text, nullable=False),
    Column("body", Text, nullable=False, comment="signed and sent unchanged"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", UtcDateTime, comment="next attempt; null once it was delivered or given up"),
    Column("delivered_at", UtcDateTime),
    Column("last_error", Text),
)
Index(None, webhook_deliveries.c.due_at)
Index(None, webhook_deliveries.c.created_at)

task_metrics = Table(
    "task_metrics",
    metadata,
    Column("metric_id", Sequence, primary_key=True),
    _owning_task(),
    Column("timestamp", UtcDateTime, nullable=False),
    Column("memory_usage_mb", Integer, nullable=False),
    Column("device", String(64), nullable=False),
    Column("processing_stage", String(32), nullable=False),
)
Index(None, task_metrics.c.task_id, task_metrics.c.timestamp)

learned_state = Table(
    "learned_state",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Json, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

nodes = Table(
    "nodes",
    metadata,
    Column("owner", String(255), primary_key=True, comment="its name in leases"),
    Column("machine_id", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("version", String(64), nullable=False),
    Column("devices", Json, nullable=False, comment="limits in bytes, and places, by device"),
    Column("engines", Json, nullable=False, comment="languages by engine that works there"),
    Column("draining", Boolean, nullable=False, server_default=false(), comment="it claims no more pages"),
    Column("seen_at", UtcDateTime, nullable=False),
)
Index(None, nodes.c.seen_at)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(32), primary_key=True),
    Column("name", String(64), nullable=False, comment="of the caller"),
    Column("scope", enum_column(Scope, "scope"), nullable=False),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the whole key"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("sequence", Sequence, primary_key=True),
    Column("minute", UtcDateTime, nullable=False, comment="equal uses within it are one row"),
    Column("name", String(255), nullable=False, comment="who"),
    Column("key_id", String(32), nullable=False, comment="empty for the command line"),
    Column("action", String(255), nullable=False, comment="what: an endpoint or a command"),
    Column("target", String(255), nullable=False, comment="what it was done to; empty for a list"),
    Column("owner", String(255), nullable=False, comment="whose that is; empty for everyone's"),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    Column("times", Integer, nullable=False),
    sqlite_autoincrement=True,
)
_use = (audit_log.c.minute, audit_log.c.name, audit_log.c.key_id, audit_log.c.action, audit_log.c.target)
Index(None, *_use, audit_log.c.owner, unique=True)
