"""Documents that are sent together."""

import sqlalchemy as sa
from alembic import op

from pagemill.store.migrations.older_forms import drop_from_blocks, drop_options

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add batches; tasks that are there were sent alone."""
    op.create_table(
        "document_batches",
        sa.Column("batch_id", sa.String(64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False, comment="that were sent"),
        sa.Column("caller", sa.String(255), nullable=False),
        sa.Column("idempotency_key", sa.String(255), comment="while it is kept"),
        sa.Column("content", sa.String(64), nullable=False, comment="hash of documents and options"),
        sa.PrimaryKeyConstraint("batch_id", name="pk_document_batches"),
    )
    op.create_index(
        "ix_document_batches_caller_idempotency_key", "document_batches", ["caller", "idempotency_key"], unique=True
    )
    op.add_column("tasks", sa.Column("batch_id", sa.String(64), comment="the documents it was sent together with"))
    op.create_index("ix_tasks_batch_id_task_id", "tasks", ["batch_id", "task_id"])


def downgrade() -> None:
    """Tasks stay, each by itself; layout and tables, which came with this revision too, do not."""
    drop_options("recognition.structure")
    drop_from_blocks("table")
    op.drop_index("ix_tasks_batch_id_task_id", table_name="tasks")
    op.drop_column("tasks", "batch_id")
    op.drop_table("document_batches")
