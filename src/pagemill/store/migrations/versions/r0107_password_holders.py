"""Note which server was told the password of a task's document. The password itself is in no database."""

import sqlalchemy as sa
from alembic import op

revision = "0107"
down_revision = "0106"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; until now no document had a password."""
    op.add_column("tasks", sa.Column("password_at", sa.String(255), comment="who was told the document's password"))


def downgrade() -> None:
    """An older server cannot open these documents, and says so."""
    op.drop_column("tasks", "password_at")
