"""Keep API keys (as hashes) and uses of admin rights, and keep the quarantine of each caller apart."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0105"
down_revision = "0104"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REASONS = (
    "invalid_request", "unsupported_format", "invalid_document", "encrypted_document", "document_too_large",
    "page_unreadable", "engine_error", "worker_crashed", "timeout", "queue_timeout", "deadline_exceeded", "cancelled",
    "out_of_memory", "pool_exhausted", "device_unavailable", "memory_limit_exceeded", "internal_error",
)  # fmt: skip
QUARANTINE_KEY = ("document_sha256", "page_number", "model_set")
ONE_USE = ("minute", "name", "key_id", "action", "target", "owner")


def upgrade() -> None:
    """Add the tables. Quarantined pages stay quarantined for callers without a key; quarantine lasts a day."""
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
        sa.CheckConstraint("scope IN ('read', 'submit', 'admin')", name=op.f("ck_api_keys_scope")),
    )
    op.create_table(
        "audit_log",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("minute", TIME, nullable=False, comment="equal uses within it are one row"),
        sa.Column("name", sa.String(255), nullable=False, comment="who"),
        sa.Column("key_id", sa.String(32), nullable=False, comment="empty for the command line"),
        sa.Column("action", sa.String(64), nullable=False, comment="what: an endpoint or a command"),
        sa.Column("target", sa.String(255), nullable=False, comment="what it was done to; empty for a list"),
        sa.Column("owner", sa.String(255), nullable=False, comment="whose that is; empty for everyone's"),
        sa.Column("first_at", TIME, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_log"),
        sqlite_autoincrement=True,
    )
    op.create_index(f"ix_audit_log_{'_'.join(ONE_USE)}", "audit_log", list(ONE_USE), unique=True)
    caller = sa.Column(
        "caller",
        sa.String(255),
        nullable=False,
        server_default=sa.text("''"),
        comment="the caller that sent the document",
    )
    _remake_quarantine(caller, key=("caller", *QUARANTINE_KEY))


def downgrade() -> None:
    """Remove them; a page that several callers had in quarantine stays there once."""
    _remake_quarantine(key=QUARANTINE_KEY)
    op.drop_table("audit_log")
    op.drop_table("api_keys")


def _remake_quarantine(*first: "sa.Column[str]", key: Sequence[str]) -> None:
    """Recreate the table with another key: it has few rows, and nothing refers to it."""
    kept = sa.table("page_quarantine", *map(sa.column, (*QUARANTINE_KEY, "limit_bytes", "reason", "message")))
    moment = sa.column("created_at", TIME)
    connection = op.get_bind()
    rows = connection.execute(sa.select(*kept.columns, moment).select_from(kept).order_by(moment)).mappings().all()
    op.drop_table("page_quarantine")
    made = op.create_table(
        "page_quarantine",
        *first,
        sa.Column("document_sha256", sa.String(64), nullable=False),
        sa.Column("page_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model_set", sa.String(255), nullable=False, comment="engine, profile, languages, device"),
        sa.Column(
            "limit_bytes",
            sa.BigInteger(),
            nullable=False,
            comment="memory limit of the device when the page was given up",
        ),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint(*key, name="pk_page_quarantine"),
        sa.CheckConstraint(f"reason IN ({', '.join(map(repr, REASONS))})", name=op.f("ck_page_quarantine_reason")),
    )
    newest = {tuple(row[name] for name in QUARANTINE_KEY): dict(row) for row in rows}
    callers = {column.name: "" for column in first}
    if newest:
        connection.execute(sa.insert(made), [{**callers, **row} for row in newest.values()])
