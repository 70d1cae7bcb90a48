"""Let single pages be recognised on another device than their task."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; pages of running tasks stay where their task is."""
    op.add_column(
        "task_pages",
        sa.Column("device", sa.String(64), comment="where it is recognised; none for where its task is"),
    )


def downgrade() -> None:
    """Forget it: every page is recognised where its task is."""
    op.drop_column("task_pages", "device")
