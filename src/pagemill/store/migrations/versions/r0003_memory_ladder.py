"""Remember how pages fared for want of memory: rungs, pixels, and the quarantine of pages that kill workers."""

import sqlalchemy as sa
from alembic import op

from pagemill.store.migrations.older_forms import drop_options

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

REASONS = (
    "INVALID_REQUEST", "UNSUPPORTED_FORMAT", "INVALID_DOCUMENT", "ENCRYPTED_DOCUMENT", "DOCUMENT_TOO_LARGE",
    "PAGE_UNREADABLE", "ENGINE_ERROR", "WORKER_CRASHED", "TIMEOUT", "QUEUE_TIMEOUT", "DEADLINE_EXCEEDED", "CANCELLED",
    "OUT_OF_MEMORY", "POOL_EXHAUSTED", "DEVICE_UNAVAILABLE", "MEMORY_LIMIT_EXCEEDED", "INTERNAL_ERROR",
)  # fmt: skip
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns and the table; pages of running tasks begin on the lowest rung."""
    op.add_column(
        "task_pages",
        sa.Column("rung", sa.Integer(), nullable=False, server_default="0", comment="of the out-of-memory ladder"),
    )
    op.add_column("tasks", sa.Column("page_pixels", sa.BigInteger(), comment="of the largest page image"))
    listed = ", ".join(f"'{reason}'" for reason in REASONS)
    op.create_table(
        "page_quarantine",
        sa.Column("document_sha256", sa.String(64), nullable=False),
        sa.Column("page_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("document_sha256", "page_number", name="pk_page_quarantine"),
        sa.CheckConstraint(f"reason IN ({listed})", name=op.f("ck_page_quarantine_reason")),
    )


def downgrade() -> None:
    """Forget them; tasks, pages and results stay."""
    drop_options("recognition.allow_lower_resolution")
    op.drop_table("page_quarantine")
    op.drop_column("tasks", "page_pixels")
    op.drop_column("task_pages", "rung")
