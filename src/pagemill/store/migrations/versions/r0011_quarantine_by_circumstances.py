"""Quarantine pages by what they killed: the model set, its device and that device's limit.

What was quarantined before says neither, so it is forgotten, both ways: those pages are tried once more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

REASONS = (
    "invalid_request", "unsupported_format", "invalid_document", "encrypted_document", "document_too_large",
    "page_unreadable", "engine_error", "worker_crashed", "timeout", "queue_timeout", "deadline_exceeded", "cancelled",
    "out_of_memory", "pool_exhausted", "device_unavailable", "memory_limit_exceeded", "internal_error",
)  # fmt: skip
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table anew, with the model set in its key."""
    _make_anew(
        sa.Column("model_set", sa.String(255), nullable=False, comment="engine, profile, languages, device"),
        sa.Column("limit_bytes", sa.BigInteger(), nullable=False, comment="of that device, when the page was given up"),
        key=("document_sha256", "page_number", "model_set"),
    )


def downgrade() -> None:
    """The table as it was: one entry for a page, whatever it was worked by."""
    _make_anew(key=("document_sha256", "page_number"))


def _make_anew(*columns: sa.Column[str] | sa.Column[int], key: tuple[str, ...]) -> None:
    op.drop_table("page_quarantine")
    listed = ", ".join(f"'{reason}'" for reason in REASONS)
    op.create_table(
        "page_quarantine",
        sa.Column("document_sha256", sa.String(64), nullable=False),
        sa.Column("page_number", sa.Integer(), autoincrement=False, nullable=False),
        *columns,
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint(*key, name="pk_page_quarantine"),
        sa.CheckConstraint(f"reason IN ({listed})", name=op.f("ck_page_quarantine_reason")),
    )
