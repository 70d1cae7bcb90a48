"""The servers that read pages know of each other."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0203"
down_revision = "0202"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Add the table; each server writes its row when it starts."""
    op.create_table(
        "nodes",
        sa.Column("owner", sa.String(255), nullable=False, comment="its name in leases"),
        sa.Column("machine_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("devices", JSON, nullable=False, comment="limits in bytes, and places, by device"),
        sa.Column("engines", JSON, nullable=False, comment="languages by engine that works there"),
        sa.Column(
            "draining", sa.Boolean(), nullable=False, server_default=sa.false(), comment="it claims no more pages"
        ),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_nodes"),
    )
    op.create_index("ix_nodes_seen_at", "nodes", ["seen_at"])


def downgrade() -> None:
    """Nothing that a server needs is lost."""
    op.drop_table("nodes")
