"""Keep what was learned while running, so that a restart does not begin with the shipped figures again."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; nothing is learned yet."""
    op.create_table(
        "learned_state",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_learned_state"),
    )


def downgrade() -> None:
    """Forget it; it is learned again."""
    op.drop_table("learned_state")
