"""Documents may be GIF, HEIC and AVIF images, too."""

from pagemill.store.migrations.listed_values import list_values, rename_values

revision = "0106"
down_revision = "0105"
branch_labels = None
depends_on = None

BEFORE = ("pdf", "png", "jpeg", "tiff", "webp", "bmp")
NEW = ("gif", "heic", "avif")


def upgrade() -> None:
    """Allow them."""
    list_values("tasks", "kind", listed=(*BEFORE, *NEW))


def downgrade() -> None:
    """Images of these kinds count as PNG; an older server refuses to read more pages of them."""
    rename_values("tasks", "kind", dict.fromkeys(NEW, "png"), listed=BEFORE)
