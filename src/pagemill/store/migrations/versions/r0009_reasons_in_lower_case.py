"""Write the reasons of failures in lower case: in tasks, pages, the quarantine, events and waiting webhooks."""

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

from pagemill.store.migrations.listed_values import rename_values

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

REASONS = (
    "INVALID_REQUEST", "UNSUPPORTED_FORMAT", "INVALID_DOCUMENT", "ENCRYPTED_DOCUMENT", "DOCUMENT_TOO_LARGE",
    "PAGE_UNREADABLE", "ENGINE_ERROR", "WORKER_CRASHED", "TIMEOUT", "QUEUE_TIMEOUT", "DEADLINE_EXCEEDED", "CANCELLED",
    "OUT_OF_MEMORY", "POOL_EXHAUSTED", "DEVICE_UNAVAILABLE", "MEMORY_LIMIT_EXCEEDED", "INTERNAL_ERROR",
)  # fmt: skip
COLUMNS = (("tasks", "failure_reason"), ("task_pages", "failure_reason"), ("page_quarantine", "reason"))
MEMBERS = ("reason", "failure_reason")
"""Under which names the body of a webhook tells a reason."""


def upgrade() -> None:
    """Rename what is stored, and have the database take the new names only."""
    _rename({reason: reason.lower() for reason in REASONS})


def downgrade() -> None:
    """The old names again."""
    _rename({reason.lower(): reason for reason in REASONS})


def _rename(renamed: Mapping[str, str]) -> None:
    for table, column in COLUMNS:
        rename_values(table, column, renamed, listed=tuple(renamed.values()))
    for before, after in renamed.items():
        _rename_in_events(before, after)
        _rename_in_webhooks(before, after)


def _rename_in_events(before: str, after: str) -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        changed = "jsonb_set(details, '{reason}', to_jsonb(CAST(:after AS text)))"
        told = "details ->> 'reason'"
    else:
        changed, told = "json_set(details, '$.reason', :after)", "json_extract(details, '$.reason')"
    statement = f"UPDATE task_events SET details = {changed} WHERE {told} = :before"  # noqa: S608 - of our own words
    connection.execute(sa.text(statement), {"before": before, "after": after})


def _rename_in_webhooks(before: str, after: str) -> None:
    """Those that are to be delivered; they are signed when they are sent."""
    statement = sa.text("UPDATE webhook_deliveries SET body = replace(body, :before, :after) WHERE due_at IS NOT NULL")
    for member in MEMBERS:
        told = {"before": f'"{member}":"{before}"', "after": f'"{member}":"{after}"'}
        op.get_bind().execute(statement, told)
