"""Note what a page needs at least, if a node was too small for it."""

import sqlalchemy as sa
from alembic import op

revision = "0204"
down_revision = "0203"
branch_labels = None
depends_on = None

COLUMNS = {"need_ram_bytes": "a node had too little for it", "need_gpu_bytes": "likewise"}


def upgrade() -> None:
    """Add the columns; until now no node gave a page to a larger one."""
    for name, comment in COLUMNS.items():
        op.add_column(
            "task_pages", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0", comment=comment)
        )


def downgrade() -> None:
    """Nodes of an older version try these pages again, whatever their size."""
    for name in COLUMNS:
        op.drop_column("task_pages", name)
