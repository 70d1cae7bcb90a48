"""Store the warnings of a page in its row, so that they can be read without its result."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0103"
down_revision = "0102"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add the column; pages that were read before have no warnings."""
    op.add_column("task_pages", sa.Column("warnings", JSON))


def downgrade() -> None:
    """Warnings stay in the pages' results only."""
    op.drop_column("task_pages", "warnings")
