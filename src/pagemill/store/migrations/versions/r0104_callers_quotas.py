"""Find what a caller has stored without reading its tasks."""

from alembic import op

revision = "0104"
down_revision = "0103"
branch_labels = None
depends_on = None

NAME = "ix_tasks_caller_document_size_bytes"


def upgrade() -> None:
    """Add the index."""
    op.create_index(NAME, "tasks", ["caller", "document_size_bytes"])


def downgrade() -> None:
    """Remove it."""
    op.drop_index(NAME, "tasks")
